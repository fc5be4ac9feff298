/** Autopilot, Raft membership, coordinates, indexes and snapshot framing. Source: protocol reference, RPC 9, FSM. */
import type { Infer } from "../schema/codec.ts";
import { list, ptr } from "../schema/collections.ts";
import { bool, durationText, float64, str, uint, bytes } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { queryMeta, raftIndex } from "./common.ts";

/** Autopilot's settings; body of snapshot record 9. Durations in nanoseconds, JSON as text. */
export const AutopilotConfig = struct("AutopilotConfig", {
  CleanupDeadServers: bool,
  LastContactThreshold: durationText,
  MaxTrailingLogs: uint,
  MinQuorum: uint,
  ServerStabilizationTime: durationText,
  RedundancyZoneTag: str,
  DisableUpgradeMigration: bool,
  UpgradeVersionTag: str,
  ...raftIndex,
});
export type AutopilotConfig = Infer<typeof AutopilotConfig>;

/** Argument of Operator.AutopilotSetConfiguration and body of log command 9. */
export const AutopilotSetConfigRequest = struct("AutopilotSetConfigRequest", {
  Datacenter: str,
  Config: AutopilotConfig,
  CAS: bool,
  Token: str,
});
export type AutopilotSetConfigRequest = Infer<typeof AutopilotSetConfigRequest>;

export const RaftServer = struct("RaftServer", {
  ID: str,
  Node: str,
  Address: str,
  Leader: bool,
  ProtocolVersion: str,
  Voter: bool,
  LastIndex: field(uint, { omitEmptyWire: true }),
});
export const RaftConfigurationResponse = struct("RaftConfigurationResponse", {
  Servers: list(RaftServer),
  Index: uint,
});
export type RaftConfigurationResponse = Infer<typeof RaftConfigurationResponse>;

export const RaftRemovePeerRequest = struct("RaftRemovePeerRequest", {
  Datacenter: str,
  Address: str,
  ID: str,
  Token: str,
});

/** A position in the Vivaldi space. */
export const CoordinatePoint = struct("CoordinatePoint", {
  Vec: list(float64),
  Error: float64,
  Adjustment: float64,
  Height: float64,
});
export const Coordinate = struct("Coordinate", { Node: str, Segment: str, Coord: ptr(CoordinatePoint) });
export type Coordinate = Infer<typeof Coordinate>;
export const CoordinateUpdateRequest = struct("CoordinateUpdateRequest", {
  Datacenter: str,
  Node: str,
  Segment: str,
  Coord: ptr(CoordinatePoint),
  Token: field(str, { json: null }),
});
export const IndexedCoordinates = struct("IndexedCoordinates", {
  Coordinates: list(Coordinate),
  ...queryMeta,
});
export type IndexedCoordinates = Infer<typeof IndexedCoordinates>;

/** Snapshot record 16: the last index of one table. */
export const IndexEntry = struct("IndexEntry", { Key: str, Value: uint });
/** First value of a snapshot stream. */
export const SnapshotHeader = struct("SnapshotHeader", { LastIndex: uint });

/** Log command and snapshot record 31. */
export const SystemMetadataEntry = struct("SystemMetadataEntry", { Key: str, Value: str, ...raftIndex });
export const SystemMetadataRequest = struct("SystemMetadataRequest", {
  Datacenter: str,
  Op: str,
  Entry: ptr(SystemMetadataEntry),
  Token: str,
});

/** A member of the Raft configuration; Suffrage 0 voter, 1 nonvoter, 2 staging. */
export const RaftPeer = struct("RaftPeer", { Suffrage: uint, ID: str, Address: str });
/** Data of a configuration entry (type 5). */
export const RaftConfiguration = struct("RaftConfiguration", { Servers: list(RaftPeer) });
/** One entry as it stands in a log store. */
export const RaftLogRecord = struct("RaftLogRecord", {
  Index: uint,
  Term: uint,
  Type: uint,
  Data: bytes,
  Extensions: bytes,
});
