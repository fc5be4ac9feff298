/** Endpoints that answer without a leader. Source: the reference's Status service. */
import * as methods from "../wire/rpc/methods.ts";
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

export const statusEndpoints: readonly AnyEndpoint[] = [leader, peers];
