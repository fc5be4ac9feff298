/**
 * Tortures real servers and judges what their clients saw:
 *
 *     npm run torture -- [--minutes N | --seconds N] [--seed S] [--servers 1|3|5] [--faults kill,pause,…]
 *                        [--program PATH] [--folder PATH]
 *     npm run torture -- --judge FILE
 *
 * The exit code is 0 when the history can be explained, 1 when it cannot or when servers did not come back, 2 when
 * the words make no sense. The history stays in the folder that the last line names.
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { faultNames, type FaultName } from "./faults.ts";
import { parseHistory } from "./history.ts";
import { judge, type Verdict } from "./judge.ts";
import { torture } from "./run.ts";

interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly servers: number;
  readonly faults: readonly FaultName[];
  readonly program: string | undefined;
  readonly folder: string | undefined;
  readonly judge: string | undefined;
}

const flags = ["minutes", "seconds", "seed", "servers", "faults", "program", "folder", "judge"];
const shownMax = 20;

/** Throws `Error` with a sentence. */
function parseOptions(argv: readonly string[]): Options {
  const given = new Map<string, string>();
  for (let at = 0; at < argv.length; at += 2) {
    const flag = argv[at]?.replace(/^--/, "") ?? "";
    const value = argv[at + 1];
    if (!flags.includes(flag)) throw new Error(`unknown: ${argv[at]}; known: --${flags.join(" --")}`);
    if (value === undefined) throw new Error(`--${flag} needs a value`);
    given.set(flag, value);
  }
  const number = (flag: string, otherwise: number): number => {
    const value = Number(given.get(flag) ?? otherwise);
    if (!(value >= 0)) throw new Error(`--${flag} is a number`);
    return value;
  };
  const names = given.get("faults")?.split(",") ?? faultNames;
  const faults = names.map((name) => {
    const known = faultNames.find((one) => one === name);
    if (known === undefined) throw new Error(`unknown fault ${name}; known: ${faultNames.join(",")}`);
    return known;
  });
  return {
    seconds: given.has("seconds") ? number("seconds", 0) : number("minutes", 1) * 60,
    seed: number("seed", Math.floor(Math.random() * 1_000_000)),
    servers: number("servers", 3),
    faults,
    program: given.get("program"),
    folder: given.get("folder"),
    judge: given.get("judge"),
  };
}

/** Prints the verdict; whether all is well. */
function print(verdict: Verdict): boolean {
  const rows = Object.entries(verdict.counts).toSorted(([a], [b]) => a.localeCompare(b));
  console.log(rows.map(([name, count]) => `${name}: ${count}`).join(", "));
  for (const text of verdict.leaseReads.slice(0, shownMax)) console.log(`stale within a lease: ${text}`);
  for (const text of verdict.undecided.slice(0, shownMax)) console.log(`UNDECIDED ${text}`);
  for (const text of verdict.violations.slice(0, shownMax)) console.log(`VIOLATION ${text}`);
  const { violations, undecided, leaseReads, keyCount } = verdict;
  console.log(
    `${keyCount} keys: ${violations.length} violations, ${undecided.length} undecided, ` +
      `${leaseReads.length} default reads by a deposed leader within its lease (documented)`,
  );
  return violations.length === 0 && undecided.length === 0;
}

async function main(options: Options): Promise<boolean> {
  if (options.judge !== undefined) return print(judge(parseHistory(readFileSync(options.judge, "utf8"))));
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "proconsul-torture-"));
  console.log(`seed ${options.seed}, ${options.servers} servers, ${options.seconds} s`);
  const startMs = performance.now();
  const say = (line: string): void =>
    console.log(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`);
  const ending = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      say(`${name}: ending early, with the servers and networks of this run`);
      ending.abort();
    });
  }
  const { history, path, notRecovered } = await torture({ ...options, folder, say, signal: ending.signal });
  if (notRecovered !== undefined) console.log(`NOT RECOVERED ${notRecovered}`);
  const isGood = print(judge(history)) && notRecovered === undefined;
  console.log(`${isGood ? "good" : "BAD"}; judge again: npm run torture -- --judge ${path}`);
  return isGood;
}

let options: Options;
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(2);
}
process.exit((await main(options)) ? 0 : 1);
