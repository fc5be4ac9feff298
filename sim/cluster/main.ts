/**
 * `bun sim/cluster/main.ts [--seed N] [--count K]`, also as `npm run sim -- cluster …`: runs K seeds from N on.
 *
 * A failing seed is run again with its event log printed; the exit code is then 1.
 */
import { parseArgs } from "node:util";
import { runClusterSeed, type ClusterVerdict } from "./run.ts";

const logLinesMax = 600;

/** Runs what the arguments say; answers the exit code. */
export function runCluster(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string", default: "1" },
      count: { type: "string", default: "100" },
      "keep-going": { type: "boolean", default: false },
      log: { type: "boolean", default: false },
    },
  });
  const [first = 0, count = 0] = [values.seed, values.count].map(Number);
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
    console.error("usage: sim cluster [--seed N] [--count K] [--keep-going] [--log]");
    return 2;
  }
  const startedMs = performance.now();
  const verdicts: ClusterVerdict[] = [];
  for (let seed = first; seed < first + count; seed += 1) {
    const verdict = runClusterSeed(seed, values.log ? { log: (line) => console.log(line) } : {});
    verdicts.push(verdict);
    if (verdict.failure === undefined) continue;
    if (!values["keep-going"]) {
      explain(verdict);
      break;
    }
    console.log(`FAILED seed ${seed}: ${verdict.failure.slice(0, 600)}`);
  }
  report(verdicts, (performance.now() - startedMs) / 1_000);
  return verdicts.some(({ failure }) => failure !== undefined) ? 1 : 0;
}

function report(verdicts: readonly ClusterVerdict[], seconds: number): void {
  const sum = (of: (verdict: ClusterVerdict) => number): number =>
    verdicts.reduce((total, verdict) => total + of(verdict), 0);
  const failed = verdicts.filter(({ failure }) => failure !== undefined).length;
  const kinds = [...new Set(verdicts.flatMap(({ faults }) => Object.keys(faults)))].toSorted();
  const faults = kinds.map((kind) => `${sum((one) => one.faults[kind] ?? 0)} ${kind}`).join(", ");
  console.log(
    `cluster: ${verdicts.length} seeds, ${failed} failed, in ${seconds.toFixed(1)} s (${(seconds / verdicts.length).toFixed(2)} s each)`,
  );
  console.log(
    `  ${(sum((one) => one.simulatedMs) / 3_600_000).toFixed(2)} simulated hours, ${sum((one) => one.eventCount)} events, ` +
      `${sum((one) => one.operationCount)} operations judged, ${sum((one) => one.appliedCount)} commands applied, ` +
      `${sum((one) => one.digestCount)} states compared, ${sum((one) => one.leaderCount)} leaderships, ` +
      `${sum((one) => one.watchCount)} watches answered, ${sum((one) => one.leaseReadCount)} reads within a lease, slowest recovery ${Math.max(...verdicts.map(({ healMs }) => healMs))} ms`,
  );
  console.log(`  faults: ${faults}`);
}

function explain({ seed, plan, failure }: ClusterVerdict): void {
  const lines: string[] = [];
  runClusterSeed(seed, { log: (line) => lines.push(line) });
  if (lines.length > logLinesMax) console.log(`… ${lines.length - logLinesMax} earlier lines left out`);
  for (const line of lines.slice(-logLinesMax)) console.log(line);
  console.log(`plan ${JSON.stringify(plan)}`);
  console.log(`FAILED seed ${seed}: ${failure}`);
  console.log(`again: npm run sim -- cluster --seed ${seed} --count 1`);
}

if (import.meta.main) process.exitCode = runCluster(process.argv.slice(2));
