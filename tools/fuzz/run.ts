/** Feeds targets and keeps the score: how many inputs, which of them broke something, how much memory it took. */
import { drainMicrotasks } from "bun:jsc";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRng } from "../../src/lib/rng.ts";
import { makeInput } from "./mutate.ts";
import type { FuzzTarget, FuzzTargetPlan } from "./target.ts";

/** An input that takes longer than this, twice, hangs whoever is asked. */
const slowMs = 1_000;
const crashesMax = 5;
const memoryEvery = 256;

export interface Crash {
  readonly target: string;
  readonly number: number;
  /** What was thrown, with its stack; or how long it took. */
  readonly what: string;
  /** Where the input was saved. */
  readonly path: string;
}

export interface FuzzReport {
  readonly name: string;
  readonly inputCount: number;
  readonly inputBytes: number;
  readonly crashes: readonly Crash[];
  readonly seconds: number;
  readonly slowestMs: number;
  /** Of the whole process, at its highest during this target. */
  readonly rssMax: number;
}

export interface FuzzLimits {
  readonly seed: number;
  /** Whichever comes first. */
  readonly seconds: number;
  readonly inputsMax: number;
}

/** Where inputs that broke something are kept. */
export const crashFolder = join(tmpdir(), "proconsul-fuzz");

/** Fuzzes one target. Never throws for what the target does. */
export async function fuzz(plan: FuzzTargetPlan, limits: FuzzLimits): Promise<FuzzReport> {
  const rng = seededRng(limits.seed).fork(plan.name);
  let target = plan.open();
  const crashes: Crash[] = [];
  const startedMs = performance.now();
  const elapsedS = (): number => (performance.now() - startedMs) / 1_000;
  let inputCount = 0;
  let inputBytes = 0;
  let slowestMs = 0;
  let rssMax = process.memoryUsage.rss();
  while (inputCount < limits.inputsMax && elapsedS() < limits.seconds && crashes.length < crashesMax) {
    const input = makeInput(rng, { form: plan.form, seeds: target.seeds, words: plan.words ?? [] });
    const kept = input.slice();
    inputCount += 1;
    inputBytes += input.length;
    const { what, tookMs } = attempt(target, input);
    slowestMs = Math.max(slowestMs, tookMs);
    if (inputCount % memoryEvery === 0) {
      rssMax = Math.max(rssMax, process.memoryUsage.rss());
      // The runtime frees some things only between turns of its loop.
      await new Promise((resolve) => void setImmediate(resolve));
    }
    // A busy machine makes anything slow once.
    const isSlow = tookMs > slowMs && attempt(plan.open(), kept.slice()).tookMs > slowMs;
    if (what === undefined && !isSlow) continue;
    crashes.push(
      save(plan.name, { number: inputCount, input: kept, what: what ?? `it took ${Math.round(tookMs)} ms` }),
    );
    target = plan.open();
  }
  return { name: plan.name, inputCount, inputBytes, crashes, seconds: elapsedS(), slowestMs, rssMax };
}

/** Gives a saved input to a fresh target; answers what broke, if anything. */
export function replay(plan: FuzzTargetPlan, input: Uint8Array): string | undefined {
  const { what, tookMs } = attempt(plan.open(), input);
  return what ?? (tookMs > slowMs ? `it took ${Math.round(tookMs)} ms` : undefined);
}

function attempt(
  target: FuzzTarget,
  input: Uint8Array,
): { readonly what: string | undefined; readonly tookMs: number } {
  const elapsedMs = stopwatch();
  try {
    target.run(input);
    drainMicrotasks();
    return { what: undefined, tookMs: elapsedMs() };
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const text = error instanceof Error && !what.includes(error.message) ? `${error.message}\n${what}` : what;
    return { what: text, tookMs: elapsedMs() };
  }
}

/** Time that this process had: on a busy machine it may wait for long and do nothing. */
function stopwatch(): () => number {
  const startMs = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return Math.min(performance.now() - startMs, (user + system) / 1_000);
  };
}

function save(
  target: string,
  found: { readonly number: number; readonly input: Uint8Array; readonly what: string },
): Crash {
  mkdirSync(crashFolder, { recursive: true });
  const name = `${target}-${createHash("sha1").update(found.input).digest("hex").slice(0, 12)}`;
  const path = join(crashFolder, name);
  writeFileSync(path, found.input);
  return { target, number: found.number, what: found.what, path };
}
