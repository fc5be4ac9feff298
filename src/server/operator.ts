/** Endpoints for operators. Source: the reference's Operator service; protocol reference, RPC section 8. */
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import { getAutopilotConfig } from "../state/autopilot.ts";
import type { ConsensusServer, ConsensusStatus } from "../lib/consensus.ts";
import type { StateStore } from "../state/store.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import * as methods from "../wire/rpc/methods.ts";
import {
  operatorAutopilotState,
  operatorServerHealth,
  operatorTransferLeader,
  operatorUsage,
} from "../wire/rpc/operator-methods.ts";
import { AutopilotSetConfigRequest } from "../wire/structs/operator.ts";
import type { ServiceUsage } from "../wire/structs/operator-state.ts";
import { initializeAutopilot } from "./autopilot-config.ts";
import { healthReply, stateReply } from "./autopilot-reports.ts";
import { blockingRead } from "./blocking.ts";
import { endpoint, type AnyEndpoint, type Caller, type ServerContext } from "./context.ts";
import { serverMembers } from "./known-servers.ts";
import { consulService } from "./registration.ts";

function requireRead({ authorizer }: Caller): void {
  if (!authorizer.operatorRead()) throw new PermissionDeniedError();
}

function requireWrite({ authorizer }: Caller): void {
  if (!authorizer.operatorWrite()) throw new PermissionDeniedError();
}

const raftConfiguration = endpoint({
  method: methods.raftConfiguration,
  kind: "read",
  handle: async (server, _request, caller) => {
    requireRead(caller);
    const status = server.consensus.status();
    const members = new Map(serverMembers(server.pool).map((one) => [one.address, one.member]));
    const view = server.autopilot.view;
    return {
      Index: status.configurationIndex,
      Servers: status.servers.map((one) => {
        const member = members.get(one.address);
        return {
          ID: one.id,
          Node: member?.name ?? "(unknown)",
          Address: one.address,
          Leader: isLeader(status, one),
          ProtocolVersion: member === undefined ? "unknown" : (member.tags["raft_vsn"] ?? ""),
          Voter: one.voter,
          LastIndex: view?.servers.get(one.id)?.stats.lastIndex ?? 0,
        };
      }),
    };
  },
});

function isLeader(status: ConsensusStatus, { id, address }: ConsensusServer): boolean {
  return status.leaderId === undefined ? status.leaderAddress === address : status.leaderId === id;
}

const removePeerByAddress = endpoint({
  method: methods.raftRemovePeerByAddress,
  kind: "write",
  handle: async (server, request, caller) => {
    requireWrite(caller);
    const found = server.consensus.status().servers.find(({ address }) => address === request.Address);
    if (found === undefined) throw unknownPeer("address", request.Address);
    return removePeer(server, found.id);
  },
});

const removePeerById = endpoint({
  method: methods.raftRemovePeerById,
  kind: "write",
  handle: async (server, request, caller) => {
    requireWrite(caller);
    const found = server.consensus.status().servers.find(({ id }) => id === request.ID);
    if (found === undefined) throw unknownPeer("id", request.ID);
    return removePeer(server, found.id);
  },
});

function unknownPeer(by: "address" | "id", value: string): RpcError {
  return new RpcError(`${by} ${JSON.stringify(value)} was not found in the Raft configuration`);
}

async function removePeer(server: ServerContext, id: string): Promise<Record<string, never>> {
  await server.autopilot.removeServer(id);
  server.log.warn("Removed Raft peer", { id });
  return {};
}

const transferLeader = endpoint({
  method: operatorTransferLeader,
  kind: "write",
  handle: async (server, { ID: id }, caller) => {
    requireWrite(caller);
    const { settings, consensus } = server;
    const { servers } = consensus.status();
    if (id !== "" && !servers.some((one) => one.id === id)) {
      throw new RpcError(`Could not find address for server id ${id}`);
    }
    if (!servers.some((one) => one.voter && one.id !== settings.nodeId))
      throw new RpcError("cannot find peer");
    await consensus.transferLeadership(id === "" ? undefined : id);
    return { Success: true };
  },
});

const getConfiguration = endpoint({
  method: methods.autopilotGetConfiguration,
  kind: "read",
  handle: async (server, _request, caller) => {
    requireRead(caller);
    // The first leader writes the defaults; whoever asks before it could sees them all the same.
    if (server.consensus.status().role === "leader") {
      await initializeAutopilot(server, server.initialAutopilot);
    }
    return getAutopilotConfig(server.store) ?? server.initialAutopilot;
  },
});

const setConfiguration = endpoint({
  method: methods.autopilotSetConfiguration,
  kind: "write",
  handle: async (server, request, caller) => {
    requireWrite(caller);
    const bytes = encodeCommand(commandType.autopilot, AutopilotSetConfigRequest, request);
    return (await server.consensus.propose(bytes, request)) === true;
  },
});

const health = endpoint({
  method: operatorServerHealth,
  kind: "write", // Only the leader knows; stale answers make no sense.
  handle: async (server, _request, caller) => {
    requireRead(caller);
    return healthReply(await server.autopilot.freshView());
  },
});

const state = endpoint({
  method: operatorAutopilotState,
  kind: "write",
  handle: async (server, _request, caller) => {
    requireRead(caller);
    return stateReply(await server.autopilot.freshView());
  },
});

const usage = endpoint({
  method: operatorUsage,
  kind: "read",
  handle: async (server, request, caller) => {
    requireRead(caller);
    const { store, settings } = server;
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => {
      watch.topic("nodes");
      watch.topic("service-rows");
      return { index: store.maxIndex("nodes", "services"), value: countUsage(store) };
    });
    return { Usage: { [settings.datacenter]: value }, ...meta };
  },
});

const meshKinds = ["connect-proxy", "mesh-gateway", "terminating-gateway", "ingress-gateway", "api-gateway"];

/** How many services, instances and nodes there are. O(instances). */
export function countUsage({ tables }: StateStore): ServiceUsage {
  const names = new Set<string>();
  const mesh: Record<string, number> = { "connect-native": 0 };
  for (const kind of meshKinds) mesh[kind] = 0;
  let instances = 0;
  let billable = 0;
  for (const service of tables.services.values()) {
    instances += 1;
    names.add(service.Service);
    if (service.Connect.Native) mesh["connect-native"] = (mesh["connect-native"] ?? 0) + 1;
    if (service.Kind !== "") mesh[service.Kind] = (mesh[service.Kind] ?? 0) + 1;
    else if (service.Service !== consulService) billable += 1;
  }
  return {
    Services: names.size,
    ServiceInstances: instances,
    ConnectServiceInstances: mesh,
    BillableServiceInstances: billable,
    Nodes: tables.nodes.size,
  };
}

export const operatorEndpoints: readonly AnyEndpoint[] = [
  raftConfiguration,
  removePeerByAddress,
  removePeerById,
  transferLeader,
  getConfiguration,
  setConfiguration,
  health,
  state,
  usage,
];
