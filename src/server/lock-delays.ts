import type { Clock, MonotonicMs } from "../lib/clock.ts";
import { millisecondNs } from "../lib/duration.ts";
import type { LockDelays } from "../state/store.ts";
import type { LockDelayTable } from "./context.ts";

/**
 * Keys whose lock was lost by force, so that its old holder can notice before another takes it.
 * Every server keeps its own table; only the leader's is asked.
 */
export function createLockDelays(clock: Clock): LockDelayTable & LockDelays {
  const endsAtMs = new Map<string, MonotonicMs>();
  return {
    remainingMs(key) {
      const endMs = endsAtMs.get(key);
      return endMs === undefined ? 0 : Math.max(0, endMs - clock.monotonicMs());
    },
    start(key, delayNs) {
      const delayMs = delayNs / millisecondNs;
      const endMs = (clock.monotonicMs() + delayMs) as MonotonicMs;
      endsAtMs.set(key, endMs);
      clock.after(delayMs, () => {
        // A later delay of the same key has its own end.
        if (endsAtMs.get(key) === endMs) endsAtMs.delete(key);
      });
    },
  };
}
