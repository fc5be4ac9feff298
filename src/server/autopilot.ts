/** What autopilot can tell about the servers. Source: the reference's autopilot. */
import type { Clock } from "../lib/clock.ts";
import type { Consensus, ConsensusServer, ConsensusStatus } from "../lib/consensus.ts";
import { millisecondNs } from "../lib/duration.ts";
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import { defaultAutopilotConfig, getAutopilotConfig } from "../state/autopilot.ts";
import { getCheck, getNodeById, getService } from "../state/catalog.ts";
import { AutopilotSetConfigRequest } from "../wire/structs/operator.ts";
import {
  serfStatusNames,
  type AutopilotServer,
  type AutopilotState,
  type OperatorHealthReply,
  type ServerHealth,
} from "../wire/structs/operator-state.ts";
import type { ServerContext } from "./context.ts";
import { consulService } from "./registration.ts";

const gossipCheckId = "serfHealth";

/** Remembers since when this server has led without a break. */
export class AutopilotMonitor implements Disposable {
  readonly #watching: Disposable;
  #leadingSinceMs: number | null = null;

  constructor({ consensus, clock }: { readonly consensus: Consensus; readonly clock: Clock }) {
    this.#watching = consensus.onLeadership((leading) => {
      this.#leadingSinceMs = leading ? clock.wallMs() : null;
    });
  }

  /** Calendar time in milliseconds; `null` while another server leads. */
  get leadingSinceMs(): number | null {
    return this.#leadingSinceMs;
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]();
  }
}

/** Writes the default settings once, as the first leader does. Leader only. */
export async function initializeAutopilot({ consensus, store }: ServerContext): Promise<void> {
  if (getAutopilotConfig(store) !== undefined) return;
  const body = AutopilotSetConfigRequest.make({ Config: defaultAutopilotConfig });
  await consensus.propose(encodeCommand(commandType.autopilot, AutopilotSetConfigRequest, body), body);
}

/** Health of every server in the configuration, as the leader sees it. */
export function serverHealth(server: ServerContext): OperatorHealthReply {
  const status = server.consensus.status();
  const servers = status.servers.map((one) => healthOf(server, status, one));
  return {
    Healthy: servers.every((one) => one.Healthy),
    FailureTolerance: failureTolerance(servers),
    Servers: servers,
  };
}

/** The same view by server id, with names for roles. */
export function autopilotState(server: ServerContext): AutopilotState {
  const health = serverHealth(server);
  const servers = health.Servers ?? [];
  const voters = servers.filter((one) => one.Voter).map((one) => one.ID);
  return {
    Healthy: health.Healthy,
    FailureTolerance: health.FailureTolerance,
    OptimisticFailureTolerance: health.FailureTolerance,
    Servers: Object.fromEntries(servers.map((one) => [one.ID, stateOf(server, one)])),
    Leader: servers.find((one) => one.Leader)?.ID ?? "",
    Voters: voters,
  };
}

/** Name of a server: that of the node with its id. */
export function serverName({ settings, store }: ServerContext, id: string): string {
  if (id === settings.nodeId) return settings.nodeName;
  return getNodeById(store, id)?.Node ?? "(unknown)";
}

/** Whether a server of the configuration leads. */
export function isLeader(status: ConsensusStatus, { id, address }: ConsensusServer): boolean {
  return status.leaderId === undefined ? status.leaderAddress === address : status.leaderId === id;
}

function healthOf(server: ServerContext, status: ConsensusStatus, one: ConsensusServer): ServerHealth {
  const name = serverName(server, one.id);
  const itself = one.id === server.settings.nodeId;
  const gossip = getCheck(server.store, name, gossipCheckId)?.Status;
  const alive = itself || gossip === "passing";
  const missing = gossip === undefined ? "none" : "failed";
  return {
    ID: one.id,
    Name: name,
    Address: one.address,
    SerfStatus: serfStatusNames.indexOf(alive ? "alive" : missing),
    Version: getService(server.store, name, consulService)?.Meta?.["version"] ?? "",
    Leader: isLeader(status, one),
    LastContact: itself ? (status.lastContactMs ?? 0) * millisecondNs : 0,
    LastTerm: itself ? status.lastTerm : 0,
    LastIndex: itself ? status.lastIndex : 0,
    Healthy: alive,
    Voter: one.voter,
    StableSince: alive ? (server.autopilot?.leadingSinceMs ?? null) : null,
  };
}

/** How many healthy voters may go before the rest is no majority of all voters. */
function failureTolerance(servers: readonly ServerHealth[]): number {
  const voters = servers.filter((one) => one.Voter);
  const healthy = voters.filter((one) => one.Healthy).length;
  const quorum = Math.floor(voters.length / 2) + 1;
  return Math.max(0, healthy - quorum);
}

function stateOf({ store }: ServerContext, health: ServerHealth): AutopilotServer {
  const role = health.Voter ? "voter" : "non-voter";
  return {
    ID: health.ID,
    Name: health.Name,
    Address: health.Address,
    NodeStatus: serfStatusNames[health.SerfStatus] ?? "none",
    Version: health.Version,
    LastContact: health.LastContact,
    LastTerm: health.LastTerm,
    LastIndex: health.LastIndex,
    Healthy: health.Healthy,
    StableSince: health.StableSince,
    ReadReplica: !health.Voter,
    Status: health.Leader ? "leader" : role,
    Meta: getNodeById(store, health.ID)?.Meta ?? null,
    NodeType: health.Voter ? "voter" : "read-replica",
  };
}
