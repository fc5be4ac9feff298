/**
 * The agent's cache of servers' answers, for callers who take an answer that may be a little behind.
 *
 * Answers are kept apart by type, datacenter, token and question. What nobody asked for in three days is let go, and
 * the least recently asked where there are too many. Source: the reference's agent/cache (1.16).
 */
import { millisecondNs } from "../lib/duration.ts";
import { CacheEntry, type EntryParts } from "./cache-entry.ts";
import type { CacheableRequest, CacheType } from "../wire/rpc/cache-types.ts";
import type { KeptReply } from "../wire/rpc/method.ts";
import type { Rate } from "./rate-limit.ts";

/** An entry that nobody asks for goes after this time. */
const idleMs = 72 * 3_600_000;
/** Entries are looked through for such this often. */
const sweepMs = 600_000;
const entriesMax = 10_000;

/** As the reference has it: two at once, no limit in the long run. */
export const defaultCacheRate: Rate = { burst: 2, perSecond: undefined };

export interface CacheParts extends Omit<EntryParts, "rate"> {
  readonly rate: Rate;
}

/** An answer with what the cache has to say about it. */
export interface CachedReply<R> {
  readonly reply: R;
  /** It was here. */
  readonly isHit: boolean;
  /** How far it may be behind. */
  readonly ageMs: number;
}

type AnyEntry = CacheEntry<CacheableRequest, unknown>;

export class AgentCache {
  readonly #parts: EntryParts;
  #rate: Rate;
  readonly #entries = new Map<string, { readonly entry: AnyEntry; askedAtMs: number }>();
  #sweeping: Disposable | undefined;
  #isClosed = false;

  constructor({ rate, ...parts }: CacheParts) {
    this.#rate = rate;
    this.#parts = { ...parts, random: (limit) => parts.random(limit), rate: () => this.#rate };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Takes over a new rate, for entries that are there too. */
  reload(rate: Rate): void {
    this.#rate = rate;
  }

  /**
   * The answer to `request`: what is kept, if it is good enough; otherwise what the next fetch brings. Blocks where
   * the request names an index, no longer than it says. Rejects with the fetch's error where nothing else serves.
   */
  async get<Q extends CacheableRequest, R>(
    type: CacheType<Q, R>,
    request: Q,
    signal?: AbortSignal,
  ): Promise<CachedReply<R>> {
    const { clock } = this.#parts;
    const waitMs = request.MaxQueryTime / millisecondNs;
    const deadlineMs = waitMs > 0 ? clock.monotonicMs() + waitMs : Number.POSITIVE_INFINITY;
    for (let isFirst = true; ; isFirst = false) {
      const entry = this.#entryFor(type, request);
      if (isGoodEnough(type, entry, { request, isFirst })) {
        if (isFirst) this.#count(type, "hit");
        return { reply: entry.value as R, isHit: isFirst, ageMs: entry.ageMs };
      }
      if (isFirst) this.#count(type, request.MinQueryIndex === 0 ? "miss_new" : "miss_block");
      else if (entry.error !== undefined) return staleOrThrow(entry, request);
      const leftMs = deadlineMs - clock.monotonicMs();
      if (entry.value !== undefined && (leftMs <= 0 || signal?.aborted === true)) {
        return { reply: entry.value, isHit: false, ageMs: 0 };
      }
      signal?.throwIfAborted();
      await this.#fetched(entry as unknown as AnyEntry, leftMs, signal);
    }
  }

  /**
   * What is kept for `request`, if it answers at once; `undefined` where `get` is the way. It is current as long as the
   * cache would give it again.
   */
  peek<Q extends CacheableRequest, R>(type: CacheType<Q, R>, request: Q): KeptReply<R> | undefined {
    const entry = this.#entryFor(type, request);
    const reply = entry.value;
    if (reply === undefined || !isGoodEnough(type, entry, { request, isFirst: true })) return undefined;
    this.#count(type, "hit");
    return {
      reply,
      isCurrent: () => entry.value === reply && isGoodEnough(type, entry, { request, isFirst: true }),
      [Symbol.dispose]: () => undefined,
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#sweeping?.[Symbol.dispose]();
    for (const { entry } of this.#entries.values()) entry.end();
    this.#entries.clear();
  }

  #entryFor<Q extends CacheableRequest, R>(type: CacheType<Q, R>, request: Q): CacheEntry<Q, R> {
    const key = JSON.stringify([type.name, request.Datacenter ?? "", request.Token, ...type.keyOf(request)]);
    const askedAtMs = this.#parts.clock.monotonicMs();
    const known = this.#entries.get(key);
    if (known !== undefined) {
      // The map's order is that of the last questions.
      this.#entries.delete(key);
      this.#entries.set(key, known);
      known.askedAtMs = askedAtMs;
      return known.entry as unknown as CacheEntry<Q, R>;
    }
    const entry = new CacheEntry(this.#parts, type, request);
    this.#entries.set(key, { entry: entry as unknown as AnyEntry, askedAtMs });
    this.#evict();
    this.#sweepLater();
    return entry;
  }

  /** The end of a fetch, or of the caller's patience. */
  #fetched(entry: AnyEntry, leftMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#parts;
    return new Promise((resolve) => {
      const done = (): void => {
        waiting[Symbol.dispose]();
        timer?.[Symbol.dispose]();
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const limited = entry.value !== undefined && Number.isFinite(leftMs);
      const timer = limited ? clock.after(leftMs, done) : undefined;
      signal?.addEventListener("abort", done);
      const waiting = entry.fetched(done);
    });
  }

  #evict(): void {
    const oldestMs = this.#parts.clock.monotonicMs() - idleMs;
    for (const [key, { entry, askedAtMs }] of this.#entries) {
      if (this.#entries.size <= entriesMax && askedAtMs > oldestMs) break;
      this.#entries.delete(key);
      entry.end();
      this.#parts.metrics.count("cache.evict_expired");
    }
    this.#parts.metrics.gauge("cache.entries_count", this.#entries.size);
  }

  #sweepLater(): void {
    if (this.#isClosed) return;
    this.#sweeping ??= this.#parts.clock.after(sweepMs, () => {
      this.#sweeping = undefined;
      this.#evict();
      if (this.#entries.size > 0) this.#sweepLater();
    });
  }

  #count({ name }: { readonly name: string }, what: string): void {
    this.#parts.metrics.count(`cache.${name}.${what}`);
  }
}

/** Whether what is kept answers the request. Only the first look at it obeys `must-revalidate`. */
function isGoodEnough<Q extends CacheableRequest, R>(
  { isRefreshed }: CacheType<Q, R>,
  entry: CacheEntry<Q, R>,
  { request, isFirst }: { readonly request: Q; readonly isFirst: boolean },
): boolean {
  if (entry.value === undefined) return false;
  if (isRefreshed) return request.MinQueryIndex === 0 || request.MinQueryIndex < entry.index;
  // It came a moment ago, whatever its age limit.
  if (!isFirst) return entry.error === undefined;
  return !request.MustRevalidate && (request.MaxAge === 0 || entry.ageMs <= request.MaxAge / millisecondNs);
}

/** `stale-if-error`: an older answer, if it is not too old, is better than none. */
function staleOrThrow<Q extends CacheableRequest, R>(
  entry: CacheEntry<Q, R>,
  { StaleIfError }: CacheableRequest,
): CachedReply<R> {
  const { value, ageMs, error } = entry;
  if (value !== undefined && StaleIfError > 0 && ageMs < StaleIfError / millisecondNs)
    return { reply: value, isHit: true, ageMs };
  throw error;
}
