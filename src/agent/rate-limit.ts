import type { Clock } from "../lib/clock.ts";

/** How often something may happen. */
export interface Rate {
  /** At once, after a rest; at least 1. */
  readonly burst: number;
  /** Times a second in the long run; `undefined` for no limit. */
  readonly perSecond: number | undefined;
}

/** A bucket of permissions that fills with time. The rate may change while it is used. */
export class RateLimit {
  readonly #clock: Clock;
  #left: number;
  #atMs: number;

  constructor(clock: Clock, { burst }: Rate) {
    this.#clock = clock;
    this.#left = burst;
    this.#atMs = clock.monotonicMs();
  }

  /** Takes a permission. Answers how many milliseconds the caller must wait for it; 0 when it may go on. */
  take({ burst, perSecond }: Rate): number {
    if (perSecond === undefined) return 0;
    const nowMs = this.#clock.monotonicMs();
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#atMs) / 1000) * perSecond);
    this.#atMs = nowMs;
    this.#left -= 1;
    return this.#left >= 0 ? 0 : (-this.#left / perSecond) * 1000;
  }
}
