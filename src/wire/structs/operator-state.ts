/**
 * What servers report about themselves: health, autopilot's state, usage.
 *
 * Source: protocol reference, RPC section 9; the HTTP API's JSON.
 */
import type { Infer } from "../schema/codec.ts";
import { list, map } from "../schema/collections.ts";
import { bool, durationNs, durationText, int, str, uint } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { time } from "../schema/time.ts";
import { queryMeta, queryOptions } from "./common.ts";
import { Coordinate } from "./operator.ts";

/** Gossip's member states by their numbers on the wire. */
export const serfStatusNames = ["none", "alive", "leaving", "left", "failed"] as const;

/** One server's health. `LastContact` in nanoseconds. */
export const ServerHealth = struct("ServerHealth", {
  ID: str,
  Name: str,
  Address: str,
  SerfStatus: field({ ...int, json: (value: number) => `"${serfStatusNames[value] ?? "none"}"` }, {}),
  Version: str,
  Leader: bool,
  LastContact: durationText,
  LastTerm: uint,
  LastIndex: uint,
  Healthy: bool,
  Voter: bool,
  StableSince: time,
});
export type ServerHealth = Infer<typeof ServerHealth>;

/** Health of all servers; `FailureTolerance` counts servers that may still fail without loss of quorum. */
export const OperatorHealthReply = struct("OperatorHealthReply", {
  Healthy: bool,
  FailureTolerance: int,
  Servers: list(ServerHealth),
});
export type OperatorHealthReply = Infer<typeof OperatorHealthReply>;

/** Who a server is, in autopilot's state as it travels. */
export const AutopilotServerIdentity = struct("Server", {
  ID: str,
  Name: str,
  Address: str,
  NodeStatus: str,
  Version: str,
  Meta: map(str),
  RaftVersion: int,
  IsLeader: bool,
  NodeType: str,
});

/** One server in autopilot's state as it travels. `LastContact` in nanoseconds. */
export const AutopilotServerState = struct("ServerState", {
  Server: AutopilotServerIdentity,
  State: str,
  Stats: struct("ServerStats", { LastContact: durationNs, LastTerm: uint, LastIndex: uint }),
  Health: struct("ServerHealth", { Healthy: bool, StableSince: time }),
});

/** Answer of Operator.AutopilotState, servers by id. Source: the state of hashicorp/raft-autopilot. */
export const AutopilotStateReply = struct("State", {
  Healthy: bool,
  FailureTolerance: int,
  Servers: map(AutopilotServerState),
  Leader: str,
  Voters: list(str),
});
export type AutopilotStateReply = Infer<typeof AutopilotStateReply>;

/** One server as the HTTP API shows autopilot's state. */
export const AutopilotServer = struct("AutopilotServer", {
  ID: str,
  Name: str,
  Address: str,
  NodeStatus: str,
  Version: str,
  LastContact: durationText,
  LastTerm: uint,
  LastIndex: uint,
  Healthy: bool,
  StableSince: time,
  ReadReplica: bool,
  Status: str,
  Meta: map(str),
  NodeType: str,
});
export type AutopilotServer = Infer<typeof AutopilotServer>;

/** Autopilot's view of the cluster as the HTTP API shows it, servers by id. */
export const AutopilotState = struct("AutopilotState", {
  Healthy: bool,
  FailureTolerance: int,
  OptimisticFailureTolerance: int,
  Servers: map(AutopilotServer),
  Leader: str,
  Voters: list(str),
});
export type AutopilotState = Infer<typeof AutopilotState>;

export const OperatorUsageRequest = struct("OperatorUsageRequest", {
  Datacenter: str,
  Global: bool,
  ...queryOptions,
});

/** Counts of one datacenter's catalog. */
export const ServiceUsage = struct("ServiceUsage", {
  Services: int,
  ServiceInstances: int,
  ConnectServiceInstances: map(int),
  BillableServiceInstances: int,
  Nodes: int,
});
export type ServiceUsage = Infer<typeof ServiceUsage>;

/** Usage by datacenter. */
export const Usage = struct("Usage", { Usage: map(ServiceUsage), ...queryMeta });
export type Usage = Infer<typeof Usage>;

/** Asks the leader to step down, for the server `ID` if given. */
export const TransferLeaderRequest = struct("TransferLeaderRequest", {
  Datacenter: str,
  ID: str,
  Token: str,
});
export const TransferLeaderResponse = struct("TransferLeaderResponse", { Success: bool });

/** The nodes of one network area of a datacenter with their coordinates. */
export const DatacenterMap = struct("DatacenterMap", {
  Datacenter: str,
  AreaID: str,
  Coordinates: list(Coordinate),
});
export type DatacenterMap = Infer<typeof DatacenterMap>;

/** A service bound to a gateway. */
export const GatewayService = struct("GatewayService", {
  Gateway: str,
  Service: str,
  GatewayKind: str,
  Port: field(int, { omitEmptyJson: true }),
  Protocol: field(str, { omitEmptyJson: true }),
  Hosts: field(list(str), { omitEmptyJson: true }),
});
export const IndexedGatewayServices = struct("IndexedGatewayServices", {
  Services: list(GatewayService),
  ...queryMeta,
});
export type IndexedGatewayServices = Infer<typeof IndexedGatewayServices>;
