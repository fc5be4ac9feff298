/** The runs whose figures bench/README.md shows. */
import { must } from "../../src/lib/assert.ts";
import { seededRng } from "../../src/lib/rng.ts";
import { retransmitLimit } from "../../src/gossip/core/scaling.ts";
import { consulLanOptions, type SwimOptions } from "../../src/gossip/core/swim-options.ts";
import { expectedDetectionMs, expectedRounds, renderSpread, seconds, spread } from "./figures.ts";
import { Pool, type PoolPlan } from "./pool.ts";
import { Watch } from "./watch.ts";

export const scenarioNames = ["join", "loss", "death", "partition", "stall"] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** What a run is drawn from. */
export interface ScenarioPlan {
  readonly scenario: ScenarioName;
  readonly nodeCount: number;
  readonly seed: number;
  /** Of 100 datagrams, how many are lost. */
  readonly lossPercent: number;
  /** Of 100 nodes, how many die at once; 0: exactly one. For `death`. */
  readonly deadPercent: number;
  /** For `loss` and `stall`: how long it is watched. */
  readonly watchMs: number;
  /** Without Lifeguard: plain SWIM with suspicion. */
  readonly lifeguard: boolean;
  /** Is told how far the run is, every ten seconds of simulated time. */
  readonly progress?: (line: string) => void;
}

/** What a run showed. */
export interface Verdict {
  readonly lines: readonly string[];
  /** Broken invariants, or a goal that was not reached in time. */
  readonly failures: readonly string[];
  readonly falseSuspicions: number;
  readonly falseBurials: number;
  /** Living nodes that were buried, those that `stall` stalls left out. */
  readonly wrongedHealthy: number;
  /** When the goal was reached; undefined if there is none. */
  readonly goalMs: number | undefined;
}

const progressMs = 10_000;

/** Nothing takes longer than this, in simulated time. */
const patienceMs = 1_800_000;

/** Runs a scenario to its end. Deterministic. */
export function runScenario(plan: ScenarioPlan): Verdict {
  switch (plan.scenario) {
    case "join":
      return join(plan);
    case "loss":
      return loss(plan);
    case "death":
      return death(plan);
    case "partition":
      return partition(plan);
    case "stall":
      return stall(plan);
  }
}

interface Stage {
  readonly pool: Pool;
  readonly watch: Watch;
  readonly options: SwimOptions;
}

function stage(plan: ScenarioPlan, wanted: number): Stage {
  const options: SwimOptions = plan.lifeguard
    ? consulLanOptions
    : { ...consulLanOptions, awarenessMultiplierMax: 1, suspicionTimeoutMultMax: 1 };
  const poolPlan: PoolPlan = {
    nodeCount: plan.nodeCount,
    options,
    network: { delayMinMs: 1, delayMaxMs: 5, lossPermille: 10 * plan.lossPercent, copyPermille: 5 },
    metaBytes: 170,
  };
  const watch = new Watch(plan.nodeCount, wanted);
  const pool = new Pool(seededRng(plan.seed).fork(plan.scenario), poolPlan, watch);
  watch.attach(pool);
  const report = (): void => {
    const { nowMs, traffic } = pool;
    plan.progress?.(
      `${nowMs / 1_000} s: ${watch.agreeing} of ${plan.nodeCount} nodes as wanted, ${traffic.messages} messages`,
    );
    pool.after(progressMs, report);
  };
  if (plan.progress !== undefined) report();
  return { pool, watch, options };
}

function conclude(
  { pool, watch }: Stage,
  o: {
    lines: readonly string[];
    goalMs: number | undefined;
    goal: string | undefined;
    wrongedHealthy?: number;
  },
): Verdict {
  const { traffic, nodes } = pool;
  const perNode = (total: number): string => (total / nodes.length / (pool.nowMs / 1_000)).toFixed(1);
  const missed =
    o.goal !== undefined && o.goalMs === undefined ? [`${o.goal} not within ${seconds(patienceMs)}`] : [];
  return {
    lines: [
      ...o.lines,
      `traffic: ${perNode(traffic.datagrams)} datagrams, ${perNode(traffic.bytes)} bytes a second a node, ` +
        `${traffic.exchanges} exchanges, ${traffic.steps} steps, ${traffic.messages} messages`,
    ],
    failures: [...pool.problems(), ...missed],
    falseSuspicions: watch.falseSuspicions,
    falseBurials: watch.falseBurials,
    wrongedHealthy: o.wrongedHealthy ?? watch.wronged.size,
    goalMs: o.goalMs,
  };
}

const mistakes = (watch: Watch): string =>
  `mistakes: ${watch.falseSuspicions} accusations of living nodes, ${watch.wronged.size} living nodes buried ` +
  `(${watch.falseBurials} times by somebody)`;

/** All nodes start within a second and join through the first. */
function join(plan: ScenarioPlan): Verdict {
  const set = stage(plan, plan.nodeCount);
  const { pool, watch } = set;
  const rng = seededRng(plan.seed).fork("starts");
  const seed = must(pool.nodes[0], "a pool has a first node");
  pool.input(seed, { kind: "start" });
  for (const node of pool.nodes.slice(1)) {
    pool.after(1 + rng.below(1_000), () =>
      pool.input(node, { kind: "start" }, { kind: "join", joinId: 1, to: seed.address }),
    );
  }
  pool.run(patienceMs, () => watch.agreeing === plan.nodeCount);
  const goalMs = watch.agreeing === plan.nodeCount ? pool.nowMs : undefined;
  const lines = [
    `join of ${plan.nodeCount} nodes within 1 s through one: everyone knows everyone after ${seconds(pool.nowMs)}`,
    mistakes(watch),
  ];
  return conclude(set, { lines, goalMs, goal: "convergence" });
}

/** A healthy pool on a bad network. */
function loss(plan: ScenarioPlan): Verdict {
  const set = stage(plan, plan.nodeCount);
  const { pool, watch } = set;
  pool.startConverged();
  pool.run(plan.watchMs);
  const probes = (plan.nodeCount * plan.watchMs) / set.options.probeIntervalMs;
  const nodeHours = (plan.nodeCount * plan.watchMs) / 3_600_000;
  const lines = [
    `${plan.lossPercent} % loss among ${plan.nodeCount} nodes for ${seconds(plan.watchMs)}`,
    mistakes(watch),
    `accusations per probe ${(watch.falseSuspicions / probes).toExponential(2)}, ` +
      `burials per node and hour ${(watch.wronged.size / nodeHours).toExponential(2)}`,
  ];
  return conclude(set, { lines, goalMs: undefined, goal: undefined });
}

/** Some nodes of a healthy pool die at once. */
function death(plan: ScenarioPlan): Verdict {
  const { nodeCount } = plan;
  const deadCount = plan.deadPercent === 0 ? 1 : Math.round((nodeCount * plan.deadPercent) / 100);
  const survivors = nodeCount - deadCount;
  const set = stage(plan, survivors);
  const { pool, watch, options } = set;
  pool.startConverged();
  // Probes are out of step by then, and every round has another order.
  pool.run(5_000);
  for (const node of pool.nodes.slice(survivors)) {
    pool.kill(node);
    watch.died(node.name);
  }
  const diedMs = pool.nowMs;
  const isDone = (): boolean =>
    watch.agreeing >= survivors && [...watch.deaths.values()].every(({ knownBy }) => knownBy >= survivors);
  let nextLookMs = 0;
  pool.run(patienceMs, () => {
    // The full look is O(deaths): not every millisecond.
    if (pool.nowMs < nextLookMs) return false;
    nextLookMs = pool.nowMs + 50;
    return isDone();
  });
  const deaths = [...watch.deaths.values()];
  const known = (pick: (one: (typeof deaths)[number]) => number | undefined): number[] =>
    deaths.map(pick).filter((ms) => ms !== undefined);
  const expectedMs = expectedDetectionMs({
    n: nodeCount,
    probers: survivors,
    periodMs: options.probeIntervalMs,
  });
  const delivered = options.gossipNodes * (1 - plan.lossPercent / 100) * (survivors / nodeCount);
  const rounds = expectedRounds(survivors, delivered);
  const limit = retransmitLimit(options.retransmitMult, nodeCount);
  const firstLast = known(({ firstBuriedMs: a, lastBuriedMs: b }) =>
    a === undefined || b === undefined ? undefined : b - a,
  );
  const lines = [
    `${deadCount} of ${nodeCount} nodes die at once, ${plan.lossPercent} % loss`,
    `first accusation after death: ${renderSpread(spread(known((one) => minus(one.firstSuspectedMs, diedMs))))}; expected mean ${seconds(expectedMs)}`,
    `first burial after death: ${renderSpread(spread(known((one) => minus(one.firstBuriedMs, diedMs))))}`,
    `known to all after death: ${renderSpread(spread(known((one) => minus(one.lastBuriedMs, diedMs))))}`,
    `from first burial to the last: ${renderSpread(spread(firstLast))}; one rumour alone: ${rounds.toFixed(1)} rounds = ` +
      `${seconds(rounds * options.gossipIntervalMs)}, and it is told ${limit} times`,
    mistakes(watch),
  ];
  return conclude(set, { lines, goalMs: isDone() ? pool.nowMs : undefined, goal: "full dissemination" });
}

const minus = (ms: number | undefined, by: number): number | undefined =>
  ms === undefined ? undefined : ms - by;

/** A fifth of the pool is cut off for 20 s, then the cut heals: who was buried must come back. */
function partition(plan: ScenarioPlan): Verdict {
  const set = stage(plan, plan.nodeCount);
  const { pool, watch } = set;
  pool.startConverged();
  pool.run(5_000);
  const cut = pool.nodes.slice(Math.ceil((plan.nodeCount * 4) / 5));
  for (const { index } of cut) pool.network.place(index, 1);
  pool.run(25_000);
  const lost = plan.nodeCount - watch.agreeing;
  for (const { index } of cut) pool.network.place(index, 0);
  pool.run(patienceMs, () => watch.agreeing === plan.nodeCount);
  const isWhole = watch.agreeing === plan.nodeCount;
  const lines = [
    `${cut.length} of ${plan.nodeCount} nodes cut off for 20 s: by then ${lost} nodes had buried somebody`,
    `everyone knows everyone again ${seconds(pool.nowMs - 25_000)} after the cut healed`,
    mistakes(watch),
  ];
  return conclude(set, { lines, goalMs: isWhole ? pool.nowMs : undefined, goal: "reunion" });
}

/**
 * Every tenth node gets no time for 16 s, then 5 ms of it, and so on, not in step: what Lifeguard is for.
 *
 * Such a node accuses whoever it was probing, sleeps through the refutation, and on waking its timer is up.
 */
function stall(plan: ScenarioPlan): Verdict {
  const set = stage(plan, plan.nodeCount);
  const { pool, watch } = set;
  const rng = seededRng(plan.seed).fork("stalls");
  const slow = pool.nodes.filter(({ index }) => index % 10 === 0);
  pool.startConverged();
  for (const node of slow) {
    const again = (): void => {
      pool.stall(node, stallMs);
      pool.after(stallMs + awakeMs, again);
    };
    pool.after(1 + rng.below(stallMs), again);
  }
  pool.run(plan.watchMs);
  const slowNames = new Set(slow.map(({ name }) => name));
  const healthy = [...watch.wronged].filter((name) => !slowNames.has(name));
  const lines = [
    `${slow.length} of ${plan.nodeCount} nodes stall for ${seconds(stallMs)} at a time during ${seconds(plan.watchMs)}, ` +
      (plan.lifeguard ? "with Lifeguard" : "without Lifeguard"),
    mistakes(watch),
    `of those buried ${healthy.length} never stalled`,
  ];
  return conclude(set, { lines, goalMs: undefined, goal: undefined, wrongedHealthy: healthy.length });
}

const stallMs = 16_000;
const awakeMs = 5;
