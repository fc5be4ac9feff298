/**
 * What one seed does: the cluster, its timing, and the kinds of fault with their rates.
 *
 * Whole kinds of fault are left out at random: a little of everything hides what much of one shows.
 */
import type { Rng } from "../../src/lib/rng.ts";
import type { DiskPlan } from "./disk.ts";
import type { NetworkPlan } from "./network.ts";

/** Rates are in 1,000 per fault roll; 0 turns a kind off. */
export interface ClusterPlan {
  readonly serverCount: number;
  /** Agents without a vote: members of the pool that the leader registers. */
  readonly agentCount: number;
  readonly kvClientCount: number;
  readonly durationMs: number;
  readonly rollMs: number;
  readonly crashRate: number;
  readonly cutRate: number;
  readonly oneWayCutRate: number;
  readonly stallRate: number;
  readonly leaveRate: number;
  readonly transferRate: number;
  /** A crashed host is back within this time; with little of it, before anybody notices. */
  readonly downMs: number;
  /** A cut heals within this time. */
  readonly cutMs: number;
  readonly stallMs: number;
  /** Clocks run between 1 ± skew / 1,000 times as fast as they should. */
  readonly skew: number;
  readonly network: NetworkPlan;
  readonly disk: DiskPlan;
  /** Of Raft's timeouts: 1 s, and half of it for the lease. */
  readonly raftMultiplier: number;
  /** Entries since the last snapshot that make the next one due, and entries that are kept behind it. */
  readonly snapshotThreshold: number;
  readonly trailingLogs: number;
  /** Milliseconds that a client waits between operations, at most. */
  readonly thinkMs: number;
}

/** The plan of a seed. */
export function drawClusterPlan(rng: Rng): ClusterPlan {
  const some = (numerator: number, denominator: number, value: number): number =>
    rng.chance(numerator, denominator) ? 1 + rng.below(value) : 0;
  const of = (values: readonly number[]): number => values[rng.below(values.length)] ?? 0;
  return {
    serverCount: of([3, 3, 3, 4, 5]),
    agentCount: rng.below(3),
    kvClientCount: 3 + rng.below(4),
    durationMs: 15_000 + rng.below(25_000),
    rollMs: 500 + rng.below(2_500),
    crashRate: some(2, 3, 250),
    cutRate: some(1, 2, 200),
    oneWayCutRate: some(1, 4, 100),
    stallRate: some(1, 3, 150),
    leaveRate: some(1, 5, 60),
    transferRate: some(1, 4, 100),
    downMs: of([300, 3_000, 30_000]),
    cutMs: of([1_000, 8_000, 30_000]),
    stallMs: of([100, 1_500, 12_000]),
    skew: some(1, 3, 150),
    network: {
      delayMs: of([1, 4, 20]),
      longDelayMs: 150,
      longDelayRate: some(1, 3, 40),
      lossRate: some(1, 2, 120),
      copyRate: some(1, 3, 100),
    },
    disk: { syncMs: of([1, 5, 20]), slowSyncRate: some(1, 3, 50), lies: false },
    raftMultiplier: of([1, 1, 2]),
    snapshotThreshold: of([20, 100, 16_384]),
    trailingLogs: of([0, 10, 10_240]),
    thinkMs: of([40, 150, 400]),
  };
}

/** The same kinds of fault in less time, as the test run can afford. */
export function briefPlan(plan: ClusterPlan): ClusterPlan {
  return {
    ...plan,
    durationMs: Math.ceil(plan.durationMs / 3),
    rollMs: Math.ceil(plan.rollMs / 2),
    kvClientCount: 3,
    thinkMs: Math.max(150, plan.thinkMs),
    agentCount: Math.min(1, plan.agentCount),
  };
}

/** What remains of a plan when everything is well again. */
export function healedNetwork({ network }: ClusterPlan): NetworkPlan {
  return { ...network, longDelayRate: 0, lossRate: 0, copyRate: 0 };
}
