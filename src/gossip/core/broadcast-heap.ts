/**
 * Broadcasts of one length that were told equally often, the newest first.
 *
 * A binary heap in which each entry knows its place, so that one that was overtaken by newer news can be taken out
 * at once. Adding and taking are O(log n) and look at few entries.
 */
import { assert, must } from "../../lib/assert.ts";

/** One broadcast. */
export interface Broadcast {
  readonly bytes: Uint8Array;
  /** Newer news of the same name replaces it. */
  readonly name: string | undefined;
  /** Grows with each broadcast of a queue. */
  readonly order: number;
  /** How often it was sent. */
  transmits: number;
  /** Where it waits; undefined while it is in no heap. */
  heap: BroadcastHeap | undefined;
  /** Its place in the heap, which keeps it. */
  at: number;
}

/** Holds entries that are in no other heap. */
export class BroadcastHeap {
  /** Bytes of each of its entries. */
  readonly length: number;
  readonly #entries: Broadcast[] = [];

  constructor(length: number) {
    this.length = length;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Every entry, the newest first. O(n log n). */
  sorted(): readonly Broadcast[] {
    return this.#entries.toSorted((a, b) => b.order - a.order);
  }

  add(entry: Broadcast): void {
    assert(entry.heap === undefined, "a broadcast waits once");
    entry.heap = this;
    this.#entries.push(entry);
    this.#rise(entry, this.#entries.length - 1);
  }

  /** Takes the newest; there must be one. */
  take(): Broadcast {
    const newest = must(this.#entries[0], "a heap that is kept has entries");
    this.remove(newest);
    return newest;
  }

  /** Takes out an entry of this heap. */
  remove(entry: Broadcast): void {
    assert(entry.heap === this, "it waits here");
    const last = this.#entries.pop();
    entry.heap = undefined;
    if (last === undefined || last === entry) return;
    // The last one fills the gap: from there it may belong further up as well as further down.
    if (last.order > entry.order) this.#rise(last, entry.at);
    else this.#sink(last, entry.at);
  }

  #rise(entry: Broadcast, from: number): void {
    const entries = this.#entries;
    let at = from;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = entries[up] as Broadcast;
      if (parent.order > entry.order) break;
      entries[at] = parent;
      parent.at = at;
      at = up;
    }
    entries[at] = entry;
    entry.at = at;
  }

  #sink(entry: Broadcast, from: number): void {
    const entries = this.#entries;
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      let newest = entries[child];
      if (newest === undefined) break;
      const right = entries[child + 1];
      if (right !== undefined && right.order > newest.order) {
        newest = right;
        child += 1;
      }
      if (entry.order > newest.order) break;
      entries[at] = newest;
      newest.at = at;
      at = child;
    }
    entries[at] = entry;
    entry.at = at;
  }
}
