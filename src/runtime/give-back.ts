/**
 * Gives memory back to the system when an agent has had little to do for a while.
 *
 * A collector keeps what a burst took for the next burst, and goes on keeping it: nothing is allocated, so
 * nothing makes it look. Three steps, each once after a busy time, the last again every ten minutes:
 *
 *     busy ──▶ quiet 10 s: collect        in the background, costs no one anything
 *          ──▶ quiet 30 s: shrink         all garbage, and compiled code; the first second of the next burst
 *                                         takes twice the time (measured: 20 µs a KV GET instead of 11)
 *          ──▶ quiet 40 s: release        pages of the runtime's program, see `program-pages.ts`
 *
 * A large heap is not shrunk: that stops everything for some 1.5 ms a MiB, and servers' leases are short.
 */
import { unreachable } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import { releaseProgramPages } from "./program-pages.ts";

export type GiveBackStep = "collect" | "shrink" | "release";

export interface Usage {
  /** Milliseconds on any processor so far. */
  readonly cpuMs: number;
  readonly heapBytes: number;
}

/** An agent without requests takes about 0.5 % of a core, a server of a small cluster 2 %. */
const quietShareMax = 0.05;
const collectAfterMs = 10_000;
const shrinkAfterMs = 30_000;
const releaseAfterMs = 40_000;
const releaseAgainMs = 600_000;
const shrunkHeapBytesMax = 160 * 1024 * 1024;
/** Between two looks. */
const lookMs = 5_000;

/** Decides when; knows no clock and no collector. */
export class QuietTimes {
  #last: { readonly nowMs: number; readonly cpuMs: number };
  #quietMs = 0;
  /** Since the last busy time. */
  #done: readonly GiveBackStep[] = [];
  /** What `#quietMs` was when pages were last released. */
  #releasedMs = 0;
  #isAfterStep = false;

  constructor(nowMs: number, { cpuMs }: Usage) {
    this.#last = { nowMs, cpuMs };
  }

  /** What is to be done, now that so much was used. To be called every few seconds. */
  look(nowMs: number, { cpuMs, heapBytes }: Usage): GiveBackStep | undefined {
    const sinceMs = nowMs - this.#last.nowMs;
    const isBusy = cpuMs - this.#last.cpuMs > quietShareMax * sinceMs;
    // The work of a step is no burst.
    const isBurst = isBusy && !this.#isAfterStep;
    this.#last = { nowMs, cpuMs };
    this.#isAfterStep = false;
    if (isBurst) this.#done = [];
    this.#quietMs = isBurst ? 0 : this.#quietMs + sinceMs;
    const step = this.#due(heapBytes);
    if (step === undefined) return undefined;
    this.#done = [...this.#done, step];
    if (step === "release") this.#releasedMs = this.#quietMs;
    this.#isAfterStep = true;
    return step;
  }

  #due(heapBytes: number): GiveBackStep | undefined {
    if (this.#quietMs >= collectAfterMs && !this.#done.includes("collect")) return "collect";
    const isSmall = heapBytes <= shrunkHeapBytesMax;
    if (this.#quietMs >= shrinkAfterMs && isSmall && !this.#done.includes("shrink")) return "shrink";
    if (this.#quietMs < releaseAfterMs) return undefined;
    const isDue = !this.#done.includes("release") || this.#quietMs >= this.#releasedMs + releaseAgainMs;
    return isDue ? "release" : undefined;
  }
}

/** Looks until disposed. Does nothing on Node, whose collector is not ours to call. */
export function giveBackWhenQuiet(clock: Clock): Disposable {
  if (typeof Bun === "undefined") return { [Symbol.dispose]: () => undefined };
  const times = new QuietTimes(clock.monotonicMs(), usage());
  const look = (): void => {
    const step = times.look(clock.monotonicMs(), usage());
    if (step !== undefined) giveBack(step);
    timer = clock.after(lookMs, look);
  };
  let timer = clock.after(lookMs, look);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

function giveBack(step: GiveBackStep): void {
  switch (step) {
    case "collect":
      Bun.gc(false);
      return;
    case "shrink":
      // Marked as deprecated, but nothing else collects when idle and drops code.
      Bun.shrink();
      return;
    case "release":
      void releaseProgramPages();
      return;
    default:
      unreachable(step);
  }
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1_000, heapBytes: process.memoryUsage().heapUsed };
}
