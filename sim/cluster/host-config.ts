/** The configuration of a simulated agent: what a user would write, with no data directory of this machine. */
import type { Config } from "../../src/config/config.ts";
import { testLoad } from "../../src/config/testing.ts";
import type { ClusterPlan } from "./plan.ts";
import type { SimHost } from "./host.ts";

/** Loading takes milliseconds, and the same few hosts are started again and again. */
const loaded = new Map<string, Config>();

/** The configuration of `host`. */
export function simConfig(host: Pick<SimHost, "name" | "address" | "isServer">, plan: ClusterPlan): Config {
  const base = baseConfig(host, plan.serverCount);
  const { raftMultiplier, snapshotThreshold, trailingLogs } = plan;
  return {
    ...base,
    dataDir: undefined,
    raft: {
      ...base.raft,
      heartbeatTimeoutMs: 1_000 * raftMultiplier,
      electionTimeoutMs: 1_000 * raftMultiplier,
      leaderLeaseTimeoutMs: 500 * raftMultiplier,
      snapshotThreshold,
      trailingLogs,
      snapshotIntervalMs: 1_000,
    },
    // In place of ten seconds and more, so that a run shows what a cluster does in minutes.
    autopilot: { ...base.autopilot, serverStabilizationTimeMs: 2_000, serverHealthIntervalMs: 1_000 },
  };
}

function baseConfig(
  { name, address, isServer }: Pick<SimHost, "name" | "address" | "isServer">,
  expect: number,
): Config {
  const key = `${name} ${expect}`;
  const known = loaded.get(key);
  if (known !== undefined) return known;
  const role = isServer ? `-server -bootstrap-expect=${expect} -serf-wan-port=-1` : "";
  const { config } = testLoad(`-node=${name} -bind=${address} -client=127.0.0.1 ${role}`, {});
  loaded.set(key, config);
  return config;
}
