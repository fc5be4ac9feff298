/**
 * What one seed does: the cluster, the kinds of fault and their rates, and the core's options.
 *
 * Whole kinds of fault are left out at random: a little of everything hides what much of one shows.
 */
import type { Rng } from "../../src/lib/rng.ts";
import { defaultRaftOptions, type RaftOptions } from "../../src/raft/core/options.ts";

/** Rates are in 1,000 unless they say otherwise; 0 turns a kind off. */
export interface Plan {
  readonly serverCount: number;
  /** Servers that run but are in no configuration at first. */
  readonly spareCount: number;
  readonly options: RaftOptions;
  readonly durationMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly delayMs: number;
  readonly longDelayRate: number;
  /** Requests of one lane between two servers arrive, and are answered, in order, as over a connection. */
  readonly keepsOrder: boolean;
  readonly syncMs: number;
  /** Chance of each kind per fault roll. */
  readonly cutRate: number;
  readonly oneWayCutRate: number;
  readonly crashRate: number;
  /** Chance that a server crashes right after a vote of its is durable, and is back at once. */
  readonly crashAfterVoteRate: number;
  readonly pauseRate: number;
  readonly snapshotRate: number;
  readonly membershipRate: number;
  readonly transferRate: number;
  /** Clocks run between 1 ± skew / 1,000 times as fast as they should. */
  readonly skew: number;
  /** A crashed server is back within this time. */
  readonly restartMs: number;
  readonly rollMs: number;
  readonly proposeMs: number;
  readonly readMs: number;
}

/** The plan of a seed. */
export function drawPlan(rng: Rng): Plan {
  const some = (numerator: number, denominator: number, value: number): number =>
    rng.chance(numerator, denominator) ? 1 + rng.below(value) : 0;
  const serverCount = [1, 3, 3, 3, 5, 5][rng.below(6)] ?? 3;
  const membershipRate = some(1, 3, 300);
  // Timeouts close to the network's own times: elections collide all the time.
  const isTight = rng.chance(1, 4);
  return {
    serverCount,
    spareCount: membershipRate > 0 ? 1 + rng.below(2) : 0,
    options: drawOptions(rng, isTight),
    durationMs: 600 + rng.below(900),
    lossRate: some(1, 2, 200),
    duplicateRate: some(1, 2, 100),
    delayMs: 1 + rng.below(isTight ? 3 : 10),
    longDelayRate: some(1, 3, 60),
    keepsOrder: rng.chance(1, 2),
    syncMs: 1 + rng.below(isTight ? 3 : 12),
    cutRate: some(1, 2, 300),
    oneWayCutRate: some(1, 3, 200),
    crashRate: some(2, 3, 250),
    crashAfterVoteRate: some(1, 4, 600),
    pauseRate: some(1, 4, 150),
    snapshotRate: some(1, 2, 400),
    membershipRate,
    transferRate: some(1, 3, 150),
    skew: some(1, 3, isTight ? 100 : 450),
    restartMs: [5, 30, 120][rng.below(3)] ?? 120,
    rollMs: 10 + rng.below(40),
    proposeMs: 2 + rng.below(15),
    readMs: 5 + rng.below(30),
  };
}

function drawOptions(rng: Rng, isTight: boolean): RaftOptions {
  const timeoutMs = isTight ? 25 : 60;
  return {
    ...defaultRaftOptions,
    heartbeatTimeoutMs: timeoutMs,
    electionTimeoutMs: timeoutMs,
    // The longest lease that is allowed leaves old leaders the most time to do harm.
    leaderLeaseTimeoutMs: rng.chance(1, 2) ? timeoutMs : timeoutMs - 10,
    commitTimeoutMs: 5,
    requestTimeoutMs: 80,
    snapshotTimeoutMs: 200,
    appendEntriesMax: [1, 2, 8, 64][rng.below(4)] ?? 64,
    appendBytesMax: [8, 32, 1_048_576][rng.below(3)] ?? 1_048_576,
    appendInflightMax: [1, 2, 16][rng.below(3)] ?? 16,
    trailingLogs: [0, 3, 20][rng.below(3)] ?? 0,
    windowEntriesMax: [0, 4, 4_096][rng.below(3)] ?? 0,
    windowBytesMax: [0, 64, 65_536][rng.below(3)] ?? 0,
    applyEntriesMax: [1, 5, 1_024][rng.below(3)] ?? 1_024,
    uncommittedEntriesMax: [8, 64, 200][rng.below(3)] ?? 64,
    preVote: !rng.chance(2, 5),
    soleVoterCampaignsAtOnce: rng.chance(1, 2),
  };
}
