/**
 * Replays the recorded conversations with the reference against bin/proconsul.
 *
 *     npm run conformance              the scenarios listed under "pass" in test/conformance.json
 *     npm run conformance -- --all     every scenario, to see which of those that wait would pass
 *     npm run conformance -- kv dns    those whose name holds one of the words
 *
 * The recordings and their player lie beside this repository, in ../shared/conformance; without them it says so and
 * exits 0. It ends with `N passed, N failed` (steps) and exits 1 if one failed.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { freePortRun } from "./free-ports.ts";

/** Which scenarios must pass, and why the others do not have to yet. Names are file names without `.json`. */
export interface ConformanceStatus {
  readonly pass: readonly string[];
  /** Scenario name → the reason, in a sentence. */
  readonly waiting: Readonly<Record<string, string>>;
}

/** What a replay printed and whether all of it passed. */
export interface ReplayOutcome {
  readonly passed: boolean;
  readonly output: string;
}

const root = join(import.meta.dirname, "..");
const recordings = join(root, "../shared/conformance");
const scenarioFolder = join(recordings, "scenarios/default");
const portCount = 8;

/** Whether the recordings are there. */
export function hasRecordings(): boolean {
  return existsSync(join(recordings, "run.mjs"));
}

/** The names of all recorded scenarios of the default agent, sorted. */
export function scenarioNames(): readonly string[] {
  return readdirSync(scenarioFolder)
    .filter((name) => name.endsWith(".json") && !name.startsWith("_"))
    .map((name) => basename(name, ".json"))
    .toSorted();
}

/** Reads test/conformance.json. */
export function readStatus(): ConformanceStatus {
  return JSON.parse(readFileSync(join(root, "test/conformance.json"), "utf8")) as ConformanceStatus;
}

/**
 * Replays the named scenarios against a development agent of its own on free ports.
 *
 * `echo` is called with each piece of output as it comes. Throws `Error` if the player cannot be started.
 */
export async function replay(
  names: readonly string[],
  echo: (piece: string) => void = () => undefined,
): Promise<ReplayOutcome> {
  const launcher = join(root, "bin/proconsul");
  const agent = [
    `"${launcher}" agent -dev -bind=127.0.0.1 -client=127.0.0.1 -node={node} -http-port={http} -dns-port={dns}`,
    "-server-port={server} -serf-lan-port={lan} -serf-wan-port={wan} -grpc-port={grpc} {config}",
  ].join(" ");
  const ports = String(await freePortRun(portCount));
  const files = names.map((name) => join(scenarioFolder, `${name}.json`));
  const player = join(recordings, "run.mjs");
  const options = ["verify", "--agent", agent, "--cli", `"${launcher}"`, "--ports", ports];
  const child = spawn("node", [player, ...options, ...files], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (piece: string) => {
      output += piece;
      echo(piece);
    });
  }
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("error", reject);
  child.on("close", resolve);
  return { passed: (await promise) === 0, output };
}

async function main(): Promise<void> {
  if (!hasRecordings()) {
    console.log("conformance: skipped, there are no recordings in ../shared/conformance");
    return;
  }
  const args = process.argv.slice(2);
  const all = scenarioNames();
  const names = args.includes("--all")
    ? all
    : args.length > 0
      ? all.filter((name) => args.some((word) => name.includes(word)))
      : readStatus().pass;
  if (names.length === 0) {
    console.log("conformance: no scenario is chosen");
    console.log("0 passed, 0 failed");
    return;
  }
  const { passed } = await replay(names, (piece) => process.stdout.write(piece));
  if (!passed) process.exitCode = 1;
}

if (import.meta.main) await main();
