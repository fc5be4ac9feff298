/**
 * `bun sim/main.ts [--seed N] [--count K]`: runs K seeds of Raft from N on and prints a verdict.
 * `bun sim/main.ts gossip …`: runs a pool of gossiping nodes (see gossip/main.ts).
 * `bun sim/main.ts cluster …`: runs whole clusters with their clients (see cluster/main.ts).
 *
 * A failing seed is run again with its event log printed; the exit code is then 1.
 */
import { parseArgs } from "node:util";
import { runCluster } from "./cluster/main.ts";
import { runGossip } from "./gossip/main.ts";
import { runRaftSeed, type Verdict } from "./raft/run.ts";

const logLinesMax = 400;

function main(): number {
  const [area, ...rest] = process.argv.slice(2);
  if (area === "gossip") return runGossip(rest);
  if (area === "cluster") return runCluster(rest);
  const { values } = parseArgs({
    options: { seed: { type: "string", default: "1" }, count: { type: "string", default: "1000" } },
  });
  const first = Number(values.seed);
  const count = Number(values.count);
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
    console.error("usage: sim [--seed N] [--count K], whole numbers");
    return 2;
  }
  const startedMs = performance.now();
  const sum = { steps: 0, applied: 0, acknowledged: 0, reads: 0, leaders: 0, healMsMax: 0 };
  for (let seed = first; seed < first + count; seed += 1) {
    const verdict = runRaftSeed(seed);
    if (verdict.failure !== undefined) {
      explain(verdict);
      return 1;
    }
    sum.steps += verdict.stepCount;
    sum.applied += verdict.appliedCount;
    sum.acknowledged += verdict.acknowledgedCount;
    sum.reads += verdict.readCount;
    sum.leaders += verdict.leaderCount;
    sum.healMsMax = Math.max(sum.healMsMax, verdict.healMs);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `raft: ${count} seeds from ${first} passed in ${seconds.toFixed(1)} s (${((seconds * 1000) / count).toFixed(2)} ms each)`,
  );
  console.log(
    `  ${sum.steps} steps, ${sum.applied} entries applied, ${sum.acknowledged} acknowledged, ${sum.reads} reads proved, ` +
      `${sum.leaders} leaderships, slowest recovery ${sum.healMsMax} ms`,
  );
  return 0;
}

function explain(verdict: Verdict): void {
  const lines: string[] = [];
  runRaftSeed(verdict.seed, { log: (line) => lines.push(line) });
  if (lines.length > logLinesMax) console.log(`… ${lines.length - logLinesMax} earlier lines left out`);
  for (const line of lines.slice(-logLinesMax)) console.log(line);
  console.log(`plan ${JSON.stringify(verdict.plan)}`);
  console.log(`FAILED seed ${verdict.seed}: ${verdict.failure}`);
  console.log(`again: bun sim/main.ts --seed ${verdict.seed} --count 1`);
}

process.exitCode = main();
