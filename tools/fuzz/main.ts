/**
 * Feeds every door and decoder with spoiled inputs.
 *
 *     npm run fuzz -- --minutes 20                 all targets, the time split among them
 *     npm run fuzz -- --minutes 1 --only dns,hcl   some of them
 *     npm run fuzz -- --list
 *     npm run fuzz -- --only dns --replay FILE     one saved input
 *     npm run fuzz -- --properties 100000 src/wire the property tests, with more inputs than `npm test` has
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { runProperties } from "./properties.ts";
import { fuzzTargets } from "./registry.ts";
import { fuzz, replay, type FuzzReport } from "./run.ts";
import type { FuzzTargetPlan } from "./target.ts";

const mib = 1_048_576;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: "string", default: "1" },
      only: { type: "string" },
      seed: { type: "string" },
      replay: { type: "string" },
      list: { type: "boolean", default: false },
      properties: { type: "string" },
    },
  });
  if (values.properties !== undefined) return runProperties(values.properties, positionals);
  const targets = chosen(values.only);
  if (values.list) {
    for (const { name, form } of targets) console.log(`${name} (${form})`);
    return 0;
  }
  if (values.replay !== undefined) return replayAll(targets, values.replay);
  const minutes = Number(values.minutes);
  const seed = Number(values.seed ?? Date.now() % 1_000_000_007);
  if (!(minutes > 0) || !Number.isSafeInteger(seed) || targets.length === 0) {
    console.error(
      "usage: fuzz [--minutes N] [--only NAME,…] [--seed S] [--list] [--replay FILE] [--properties N [FOLDER…]]",
    );
    return 2;
  }
  console.log(`seed ${seed}, ${targets.length} targets, ${minutes} minutes`);
  const seconds = (minutes * 60) / targets.length;
  const reports: FuzzReport[] = [];
  for (const plan of targets) {
    const report = await fuzz(plan, { seed, seconds, inputsMax: Number.MAX_SAFE_INTEGER });
    tell(report);
    reports.push(report);
  }
  return conclude(reports);
}

function chosen(only: string | undefined): readonly FuzzTargetPlan[] {
  if (only === undefined) return fuzzTargets;
  const names = new Set(only.split(","));
  return fuzzTargets.filter(({ name }) => names.has(name));
}

function tell({ name, inputCount, inputBytes, crashes, seconds, slowestMs, rssMax }: FuzzReport): void {
  const rate = Math.round(inputCount / Math.max(0.001, seconds));
  console.log(
    `${name.padEnd(24)} ${String(inputCount).padStart(9)} inputs ${String(rate).padStart(7)}/s ` +
      `${(inputBytes / mib).toFixed(1).padStart(8)} MiB, slowest ${slowestMs.toFixed(0).padStart(4)} ms, ` +
      `memory ${Math.round(rssMax / mib)} MiB, ${crashes.length} crashes`,
  );
  for (const { target, number, what, path } of crashes) {
    console.log(`  input ${number}: ${what.split("\n").slice(0, 6).join("\n    ")}`);
    console.log(`  again: npm run fuzz -- --only ${target} --replay ${path}`);
  }
}

function conclude(reports: readonly FuzzReport[]): number {
  const inputs = reports.reduce((sum, { inputCount }) => sum + inputCount, 0);
  const crashes = reports.reduce((sum, one) => sum + one.crashes.length, 0);
  const rssMax = Math.max(...reports.map((one) => one.rssMax));
  console.log(`${inputs} inputs, ${crashes} crashes, memory at most ${Math.round(rssMax / mib)} MiB`);
  return crashes === 0 ? 0 : 1;
}

function replayAll(targets: readonly FuzzTargetPlan[], path: string): number {
  const input = new Uint8Array(readFileSync(path));
  let isBroken = false;
  for (const plan of targets) {
    const what = replay(plan, input.slice());
    isBroken ||= what !== undefined;
    console.log(`${plan.name}: ${what ?? "fine"}`);
  }
  return isBroken ? 1 : 0;
}

process.exitCode = await main();
