/** For tests: time that passes only when told. */
import { monotonicMs, wallMs, type Clock, type MonotonicMs, type WallMs } from "./clock.ts";

interface Timer {
  readonly atMs: number;
  readonly fn: () => void;
}

/** A clock moved by hand; monotonic time begins at 1,000 ms, calendar time in November 2023 unless told otherwise. */
export class ManualClock implements Clock {
  readonly #wallStartMs: number;
  #nowMs = 1_000;
  #timers: readonly Timer[] = [];

  constructor(wallStartMs = 1_700_000_000_000) {
    this.#wallStartMs = wallStartMs;
  }

  monotonicMs(): MonotonicMs {
    return monotonicMs(this.#nowMs);
  }

  wallMs(): WallMs {
    return wallMs(this.#wallStartMs + this.#nowMs);
  }

  after(delayMs: number, fn: () => void): Disposable {
    const timer = { atMs: this.#nowMs + delayMs, fn };
    this.#timers = [...this.#timers, timer];
    return { [Symbol.dispose]: () => (this.#timers = this.#timers.filter((one) => one !== timer)) };
  }

  /** Timers that have not fired. */
  get timerCount(): number {
    return this.#timers.length;
  }

  /** Moves time on by `ms`; what falls due meanwhile runs in order, at its time. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    while (this.#fireNext(endMs));
    this.#nowMs = endMs;
  }

  /** Like `advance`, but what was promised settles before each timer and at the end. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    do await settled();
    while (this.#fireNext(endMs));
    this.#nowMs = endMs;
    await settled();
  }

  #fireNext(endMs: number): boolean {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= endMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    }
    if (next === undefined) return false;
    this.#timers = this.#timers.filter((one) => one !== next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.fn();
    return true;
  }
}

/** Resolves when everything that was ready has happened, also what is on its way in memory. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) {
    // oxlint-disable-next-line no-restricted-globals -- only tests wait, and no time passes.
    await new Promise((resolve) => void setImmediate(resolve));
  }
}
