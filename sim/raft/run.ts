/**
 * One run of the Raft simulator: a seed in, a verdict out.
 *
 * Phase one breaks things and watches safety. Phase two heals everything and demands that the cluster
 * elects, commits and catches up within a bound; then a server restarts while nobody asks for anything, and last a
 * user's snapshot becomes the state of all.
 */
import { seededRng, type Rng } from "../../src/lib/rng.ts";
import { defaultRules, type Rules } from "../../src/raft/core/rules.ts";
import { Violation } from "./checkers.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { Workload } from "./workload.ts";
import { World } from "./world.ts";

/** What a run came to. `failure` is undefined when all is well. */
export interface Verdict {
  readonly seed: number;
  readonly failure: string | undefined;
  readonly plan: Plan;
  readonly stepCount: number;
  readonly appliedCount: number;
  readonly acknowledgedCount: number;
  readonly readCount: number;
  readonly leaderCount: number;
  /** How long the healed cluster needed, in simulated milliseconds. */
  readonly healMs: number;
}

/** For electing a leader and all else that does not grow with the log. */
const healMsBase = 3_000;
/** For each entry, when entries travel one by one: a round trip and a sync at their slowest. */
const healMsPerEntry = 40;
const checkMs = 20;

/** Runs seed `seed`. With `log`, every event is told; it changes nothing else. */
export function runRaftSeed(seed: number, o: { rules?: Rules; log?: (line: string) => void } = {}): Verdict {
  const rng = seededRng(seed);
  const plan = drawPlan(rng.fork("plan"));
  const world = new World({
    plan,
    rules: o.rules ?? defaultRules,
    rng,
    ...(o.log === undefined ? {} : { log: o.log }),
  });
  let failure: string | undefined;
  let healMs = 0;
  try {
    const workload = new Workload(world, plan, rng.fork("workload"));
    world.runUntil(plan.durationMs);
    matchLogs(world);
    world.note(undefined, () => "heal");
    workload.stopFaults();
    const goal = world.checkers.appliedIndex + 1;
    const longest = Math.max(...world.servers.map((server) => server.running.status().lastIndex));
    const patienceMs = healMsBase + healMsPerEntry * longest;
    const isHealed = (): boolean =>
      world.checkers.acknowledgedIndex >= goal && hasConverged(world, workload, goal);
    healMs = waitUntil({ world, patienceMs, what: "converged" }, isHealed);
    workload.stopClients();
    restartOne(world, rng.fork("restart"));
    const isQuiet = (): boolean => hasConverged(world, workload, lastIndexOf(world));
    waitUntil({ world, patienceMs, what: "quiet" }, isQuiet);
    matchLogs(world);
    waitUntil({ world, patienceMs, what: "restored" }, () => isRestored(world, workload));
    restartOne(world, rng.fork("restart again"));
    waitUntil({ world, patienceMs, what: "quiet again" }, isQuiet);
  } catch (error) {
    // Whatever is thrown, an assertion or a checker's finding, is the verdict on this seed.
    failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  return {
    seed,
    failure,
    plan,
    stepCount: world.stepCount,
    appliedCount: world.checkers.appliedIndex,
    acknowledgedCount: world.checkers.acknowledgedCount,
    readCount: world.checkers.readCount,
    leaderCount: world.checkers.leaderCount,
    healMs,
  };
}

/** Lets time pass until `holds`; returns how much. */
function waitUntil(o: { world: World; patienceMs: number; what: string }, holds: () => boolean): number {
  const startMs = o.world.nowMs;
  while (!holds()) {
    const waitedMs = o.world.nowMs - startMs;
    if (waitedMs >= o.patienceMs) throw new Violation(`liveness: not ${o.what} within ${waitedMs} ms`);
    o.world.runUntil(o.world.nowMs + checkMs);
  }
  return o.world.nowMs - startMs;
}

/** An idle cluster must fill up a server that was away for a moment, although nobody asks for anything. */
function restartOne(world: World, rng: Rng): void {
  const server = world.servers[rng.below(world.servers.length)];
  if (server === undefined) return;
  world.crash(server);
  world.restart(server);
}

/** Asks for a restore until one is taken over: a leader that is new refuses. Then all have it and the entry behind. */
function isRestored(world: World, workload: Workload): boolean {
  const { restoredIndex } = world.checkers;
  if (restoredIndex !== undefined) return hasConverged(world, workload, restoredIndex + 1);
  workload.restore();
  return false;
}

function lastIndexOf(world: World): number {
  return Math.max(...world.servers.map((server) => server.running.status().commitIndex));
}

function matchLogs(world: World): void {
  world.checkers.matchLogs(world.servers.flatMap((server) => server.core ?? []));
}

/** There is a leader, and every member has applied everything through `goal`. */
function hasConverged(world: World, workload: Workload, goal: number): boolean {
  const leader = workload.leader();
  if (leader === undefined || world.checkers.appliedIndex < goal) return false;
  const { configuration } = leader.running.status();
  return configuration.servers.every(({ id }) => {
    const server = world.servers.find((candidate) => candidate.id === id);
    return server !== undefined && server.machineIndex >= goal;
  });
}
