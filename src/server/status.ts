/** Endpoints that answer without a leader. Source: the reference's Status service. */
import * as methods from "../wire/rpc/methods.ts";
import { statusPing, statusRaftStats } from "../wire/rpc/status-methods.ts";
import { raftStatsOf } from "./raft-stats.ts";
import { endpoint, type AnyEndpoint } from "./context.ts";

const leader = endpoint({
  method: methods.statusLeader,
  kind: "local",
  handle: async ({ consensus }) => consensus.status().leaderAddress ?? "",
});

const peers = endpoint({
  method: methods.statusPeers,
  kind: "local",
  handle: async ({ consensus }) => consensus.status().servers.map(({ address }) => address),
});

const ping = endpoint({ method: statusPing, kind: "local", handle: async () => ({}) });

const raftStats = endpoint({
  method: statusRaftStats,
  kind: "local",
  handle: async ({ consensus }) => raftStatsOf(consensus.status()),
});

export const statusEndpoints: readonly AnyEndpoint[] = [leader, peers, ping, raftStats];
