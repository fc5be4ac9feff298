/**
 * A limit on how often something may happen: tokens come at a steady rate, and so many may gather.
 *
 * Source: golang.org/x/time/rate, which the reference limits calls with.
 */

export interface BucketOptions {
  /** Tokens a second; `undefined`: no limit. */
  readonly rate: number | undefined;
  /** The most that may gather, and what there is at first. */
  readonly burst: number;
}

export class TokenBucket {
  #options: BucketOptions;
  #tokens: number;
  #atMs: number | undefined;

  constructor(options: BucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
  }

  /** Other limits from here on; what has gathered stays, up to the new burst. */
  configure(options: BucketOptions): void {
    this.#options = options;
    this.#tokens = Math.min(this.#tokens, options.burst);
  }

  /** Takes a token at this time (monotonic), if there is one. */
  take(nowMs: number): boolean {
    const { rate, burst } = this.#options;
    if (rate === undefined) return true;
    const gathered = ((nowMs - (this.#atMs ?? nowMs)) / 1000) * rate;
    this.#atMs = nowMs;
    this.#tokens = Math.min(burst, this.#tokens + Math.max(0, gathered));
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
