import { monotonicMs, wallMs, type Clock } from "../lib/clock.ts";

/** The machine's clock. */
export const systemClock: Clock = {
  monotonicMs: () => monotonicMs(performance.now()),
  wallMs: () => wallMs(Date.now()),
  after: (delayMs, fn) => {
    // Longer timers than 2^31 ms fire at once on this platform, so those wait in steps.
    let timer = setTimeout(step, Math.min(delayMs, longestTimerMs));
    let leftMs = delayMs;
    function step(): void {
      leftMs -= longestTimerMs;
      if (leftMs <= 0) fn();
      else timer = setTimeout(step, Math.min(leftMs, longestTimerMs));
    }
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

const longestTimerMs = 2 ** 31 - 1;

/** Calls back once the I/O that is due has been handled. */
export function afterIo(run: () => void): void {
  setImmediate(run);
}
