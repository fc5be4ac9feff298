/**
 * One cached answer and the fetches that keep it.
 *
 * There is at most one fetch at a time, whoever waits for it. An entry of a refreshed type is fetched again at once,
 * by a query that blocks until the answer changes; after several failures in a row with growing pauses, which end
 * early when somebody asks. A value and an error beside it mean that the error is the newer one.
 * Source: the reference's agent/cache (1.16).
 */
import type { Clock } from "../lib/clock.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import type { CacheableRequest, CacheType } from "../wire/rpc/cache-types.ts";
import { RateLimit, type Rate } from "./rate-limit.ts";

const millisecondNs = 1e6;
/** How long a refreshing query blocks. */
const queryTimeMs = 600_000;
/** A query that blocks for longer than the transport's keep-alive has reached its server. */
const connectedAfterMs = 31_000;
/** Failures before pauses begin. */
const failuresWithoutPause = 3;
const pauseMaxMs = 60_000;

export interface EntryParts {
  readonly rpc: Rpc;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Uniform integer below `limit`. */
  random(limit: number): number;
  rate(): Rate;
}

export class CacheEntry<Q extends CacheableRequest, R> {
  readonly #parts: EntryParts;
  readonly #type: CacheType<Q, R>;
  readonly #request: Q;
  readonly #limit: RateLimit;
  readonly #ended = new AbortController();
  #value: R | undefined;
  #index = 0;
  #error: unknown;
  #fetchedAtMs = 0;
  #lostContactAtMs: number | undefined;
  #failures = 0;
  /** Those who wait for the end of the fetch under way. */
  #waiting: (() => void)[] = [];
  #isFetching = false;
  #endPause: (() => void) | undefined;

  constructor(parts: EntryParts, type: CacheType<Q, R>, request: Q) {
    this.#parts = parts;
    this.#type = type;
    this.#request = request;
    this.#limit = new RateLimit(parts.clock, parts.rate());
  }

  get value(): R | undefined {
    return this.#value;
  }

  get index(): number {
    return this.#index;
  }

  /** Newer than the value, if there is one. */
  get error(): unknown {
    return this.#error;
  }

  get isFetching(): boolean {
    return this.#isFetching;
  }

  /** How far the value may be behind: since contact was lost where it is refreshed, since it came otherwise. */
  get ageMs(): number {
    const sinceMs = this.#type.isRefreshed ? this.#lostContactAtMs : this.#fetchedAtMs;
    return sinceMs === undefined ? 0 : this.#parts.clock.monotonicMs() - sinceMs;
  }

  /** Calls `done` at the end of the fetch under way, or of one that begins here. */
  fetched(done: () => void): Disposable {
    this.#waiting.push(done);
    if (this.#endPause !== undefined) this.#endPause();
    else if (!this.#isFetching) void this.#run();
    return { [Symbol.dispose]: () => void (this.#waiting = this.#waiting.filter((one) => one !== done)) };
  }

  /** Ends the fetch; whoever waits asks anew. */
  end(): void {
    this.#ended.abort();
    this.#endPause?.();
    this.#wake();
  }

  /** Fetches; where the type is refreshed, again and again until the entry ends. */
  async #run(): Promise<void> {
    do {
      this.#isFetching = true;
      await this.#fetch();
      this.#isFetching = false;
      this.#wake();
      if (!this.#type.isRefreshed || this.#ended.signal.aborted) return;
      await this.#pause(this.#backoffMs());
    } while (!this.#ended.signal.aborted);
  }

  async #fetch(): Promise<void> {
    const { rpc, clock, metrics } = this.#parts;
    const { method, name, isRefreshed } = this.#type;
    const waitMs = this.#limit.take(this.#parts.rate());
    if (waitMs > 0) await this.#pause(waitMs, { mayEnd: false });
    if (this.#ended.signal.aborted) return;
    const timer =
      isRefreshed && this.#index > 0
        ? clock.after(connectedAfterMs, () => (this.#lostContactAtMs = undefined))
        : undefined;
    try {
      const reply = await rpc.call(method, this.#asked(), this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      this.#value = this.#type.kept(reply);
      // An index of 0 would make the next query answer at once, for ever.
      this.#index = Math.max(1, this.#type.indexOf(reply));
      this.#error = undefined;
      this.#fetchedAtMs = clock.monotonicMs();
      this.#lostContactAtMs = undefined;
      this.#failures = 0;
      metrics.count("cache.fetch_success");
      metrics.count(`cache.${name}.fetch_success`);
    } catch (error) {
      this.#error = error;
      this.#failures += 1;
      this.#lostContactAtMs ??= clock.monotonicMs();
      metrics.count("cache.fetch_error");
      metrics.count(`cache.${name}.fetch_error`);
    } finally {
      timer?.[Symbol.dispose]();
    }
  }

  /** Any server will do: what is kept may be behind anyway. */
  #asked(): Q {
    const blocks = this.#type.isRefreshed && this.#index > 0;
    return {
      ...this.#request,
      AllowStale: true,
      MinQueryIndex: blocks ? this.#index : 0,
      MaxQueryTime: blocks ? queryTimeMs * millisecondNs : 0,
    };
  }

  #backoffMs(): number {
    const beyond = this.#failures - failuresWithoutPause;
    if (beyond <= 0) return 0;
    const pauseMs = Math.min(pauseMaxMs, 1000 * 2 ** Math.min(beyond, 16));
    return pauseMs + this.#parts.random(pauseMs);
  }

  /** Ends early when somebody asks, unless it must not. */
  #pause(delayMs: number, { mayEnd = true }: { readonly mayEnd?: boolean } = {}): Promise<void> {
    if (delayMs <= 0 || this.#ended.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer[Symbol.dispose]();
        this.#ended.signal.removeEventListener("abort", done);
        this.#endPause = undefined;
        resolve();
      };
      const timer = this.#parts.clock.after(delayMs, done);
      this.#ended.signal.addEventListener("abort", done);
      if (mayEnd) this.#endPause = done;
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }
}
