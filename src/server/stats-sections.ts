/** The sections `consul` and `raft` of an agent's statistics. Source: the reference's Stats of servers and clients. */
import type { ConsensusRole, ConsensusServer, ConsensusStatus } from "../lib/consensus.ts";
import { lastContactText } from "./raft-stats.ts";

/** One section: names and texts. */
export type StatsSection = Readonly<Record<string, string>>;

export interface ServerFacts {
  readonly aclEnabled: boolean;
  /** Started in bootstrap mode. */
  readonly bootstrap: boolean;
  readonly knownDatacenters: number;
}

const roleNames: Readonly<Record<ConsensusRole, string>> = {
  leader: "Leader",
  candidate: "Candidate",
  follower: "Follower",
  shutdown: "Shutdown",
};

/** Section `consul` of a server. */
export function serverSection(status: ConsensusStatus, facts: ServerFacts): StatsSection {
  return {
    acl: aclText(facts.aclEnabled),
    bootstrap: String(facts.bootstrap),
    known_datacenters: String(facts.knownDatacenters),
    leader: String(status.role === "leader"),
    leader_addr: status.leaderAddress ?? "",
    server: "true",
  };
}

/** Section `consul` of a client. */
export function clientSection(facts: {
  readonly aclEnabled: boolean;
  readonly knownServers: number;
}): StatsSection {
  return { acl: aclText(facts.aclEnabled), known_servers: String(facts.knownServers), server: "false" };
}

function aclText(enabled: boolean): string {
  return enabled ? "enabled" : "disabled";
}

/** Section `raft` of the server with the id `ownId`. */
export function raftSection(status: ConsensusStatus, ownId: string): StatsSection {
  return {
    applied_index: String(status.appliedIndex),
    commit_index: String(status.commitIndex),
    fsm_pending: "0",
    last_contact: lastContactText(status),
    last_log_index: String(status.lastIndex),
    last_log_term: String(status.lastTerm),
    last_snapshot_index: String(status.lastSnapshotIndex),
    last_snapshot_term: String(status.lastSnapshotTerm),
    latest_configuration: `[${status.servers.map(serverText).join(" ")}]`,
    latest_configuration_index: String(status.configurationIndex),
    num_peers: String(peerCount(status.servers, ownId)),
    protocol_version: "3",
    protocol_version_max: "3",
    protocol_version_min: "0",
    snapshot_version_max: "1",
    snapshot_version_min: "0",
    state: roleNames[status.role],
    term: String(status.term),
  };
}

function serverText({ id, address, voter }: ConsensusServer): string {
  return `{Suffrage:${voter ? "Voter" : "Nonvoter"} ID:${id} Address:${address}}`;
}

/** Other voters; none for a server that is not in the configuration. */
function peerCount(servers: readonly ConsensusServer[], ownId: string): number {
  const voters = servers.filter(({ voter }) => voter);
  return voters.some(({ id }) => id === ownId) ? voters.length - 1 : 0;
}
