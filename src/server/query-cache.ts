/**
 * Answers that are still valid: the value of a read is kept until something it depended on changes.
 *
 * A hot query then costs one look-up, and all who ask get the same object, which doors use to render it
 * once. The index of an answer is not kept: it may move without the content.
 */
import { assert } from "../lib/assert.ts";
import type { StateStore } from "../state/store.ts";
import { WatchSet, type WatchRegistry } from "../state/watch.ts";

/** Distinct queries kept for one store; the least recently asked goes first. */
export const cachedQueriesMax = 256;

interface Entry {
  readonly value: unknown;
  readonly depends: WatchSet;
  readonly watching: Disposable;
}

export class QueryCache {
  readonly #watches: WatchRegistry;
  readonly #entriesMax: number;
  readonly #entries = new Map<string, Entry>();

  constructor(watches: WatchRegistry, entriesMax: number = cachedQueriesMax) {
    this.#watches = watches;
    this.#entriesMax = entriesMax;
  }

  /** Queries kept at present. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The kept value of `key`, or what `compute` gives. `key` must tell every argument of the read apart.
   * `compute` must note all it depends on; `watch` gets the same notes either way.
   */
  read<T>(key: string, watch: WatchSet, compute: (watch: WatchSet) => T): T {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      copyNotes(known.depends, watch);
      return known.value as T;
    }
    const depends = new WatchSet();
    const value = compute(depends);
    assert(
      depends.topics.size + depends.kvPrefixes.size > 0,
      "a kept answer depends on something that can change",
    );
    copyNotes(depends, watch);
    const watching = this.#watches.watch(depends, () => this.#entries.delete(key));
    this.#entries.set(key, { value, depends, watching });
    this.#evict();
    return value;
  }

  #evict(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#entriesMax) return;
      entry.watching[Symbol.dispose]();
      this.#entries.delete(key);
    }
  }
}

/** A hidden field of each store, so that its cache lives and dies with it; not shared between servers. */
const caches = new WeakMap<StateStore, QueryCache>();

/** The cache of a store's reads. */
export function queryCacheOf(store: StateStore): QueryCache {
  const known = caches.get(store);
  if (known !== undefined) return known;
  const made = new QueryCache(store.watches);
  caches.set(store, made);
  return made;
}

function copyNotes(from: WatchSet, to: WatchSet): void {
  for (const topic of from.topics) to.topic(topic);
  for (const prefix of from.kvPrefixes) to.kvPrefix(prefix);
}
