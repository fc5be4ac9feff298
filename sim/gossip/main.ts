/**
 * `bun sim/gossip/main.ts --scenario join|loss|death|partition|stall [--nodes N] [--seed S] [--loss %] [--dead %]`
 *
 * Also as `npm run sim -- gossip …`. Prints figures; the exit code is 1 if an invariant broke or the goal was missed.
 */
import { parseArgs } from "node:util";
import { runScenario, scenarioNames, type ScenarioName } from "./scenarios.ts";

const usage =
  "usage: sim gossip [--scenario join|loss|death|partition|stall] [--nodes N] [--seed S] [--loss PERCENT] " +
  "[--dead PERCENT, 0 for one node] [--seconds S, for loss and stall] [--plain, without Lifeguard] " +
  "[--progress, a line on stderr for every ten seconds of simulated time]";

/** Runs what the arguments say; answers the exit code. */
export function runGossip(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: "string", default: "join" },
      nodes: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      loss: { type: "string", default: "0" },
      dead: { type: "string", default: "30" },
      seconds: { type: "string", default: "120" },
      plain: { type: "boolean", default: false },
      progress: { type: "boolean", default: false },
    },
  });
  const scenario = scenarioNames.find((name): name is ScenarioName => name === values.scenario);
  const [nodeCount = 0, seed = 0, lossPercent = 0, deadPercent = 0, watchSeconds = 0] = [
    values.nodes,
    values.seed,
    values.loss,
    values.dead,
    values.seconds,
  ].map(Number);
  const numbers = [nodeCount - 2, seed, lossPercent, deadPercent, watchSeconds];
  const isSound = numbers.every((value) => Number.isSafeInteger(value) && value >= 0);
  if (scenario === undefined || !isSound || lossPercent > 99 || deadPercent > 95) {
    console.error(usage);
    return 2;
  }
  const startedMs = performance.now();
  const watchMs = watchSeconds * 1_000;
  const progress = (line: string): void => {
    const realS = (performance.now() - startedMs) / 1_000;
    if (values.progress) console.error(`${line}; ${realS.toFixed(0)} s of real time`);
  };
  const lifeguard = !values.plain;
  const plan = { scenario, nodeCount, seed, lossPercent, deadPercent, watchMs, lifeguard, progress };
  const { lines, failures } = runScenario(plan);
  for (const line of lines) console.log(line);
  const tookS = (performance.now() - startedMs) / 1_000;
  const { rss } = process.memoryUsage();
  console.log(`seed ${seed}: ${tookS.toFixed(1)} s of real time, ${Math.round(rss / 1_048_576)} MiB`);
  for (const failure of failures) console.log(`FAILED ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = runGossip(process.argv.slice(2));
