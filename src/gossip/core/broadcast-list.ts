/**
 * Broadcasts of one length that were told equally often, the newest first.
 *
 *     newest ⇄ … ⇄ last added ⇄ … ⇄ oldest
 *
 * A linked list, so that one that was overtaken by newer news is taken out where it stands. Of those never told each
 * comes in as the newest. Those told more often come in as they were taken, the newest first: each belongs at an end
 * or near the one before it, and a search from there rarely takes a step. At worst it is O(n).
 */
import { must } from "../../lib/assert.ts";

/** One broadcast. */
export interface Broadcast {
  readonly bytes: Uint8Array;
  /** Newer news of the same name replaces it. */
  readonly name: string | undefined;
  /** Grows with each broadcast of a queue. */
  readonly order: number;
  /** How often it was sent. */
  transmits: number;
  /** Its neighbours, which the list keeps. */
  newer: Broadcast | undefined;
  older: Broadcast | undefined;
}

/** Holds entries that are in no other list. */
export class BroadcastList {
  /** Bytes of each of its entries. */
  readonly length: number;
  #newest: Broadcast | undefined;
  #oldest: Broadcast | undefined;
  /** Where the search for the next one's place begins. */
  #last: Broadcast | undefined;

  constructor(length: number) {
    this.length = length;
  }

  get isEmpty(): boolean {
    return this.#newest === undefined;
  }

  /** Every entry, the newest first. O(n). */
  entries(): readonly Broadcast[] {
    const entries: Broadcast[] = [];
    for (let entry = this.#newest; entry !== undefined; entry = entry.older) entries.push(entry);
    return entries;
  }

  add(entry: Broadcast): void {
    const newer = this.#newerThan(entry.order);
    const older = newer === undefined ? this.#newest : newer.older;
    entry.newer = newer;
    entry.older = older;
    if (newer === undefined) this.#newest = entry;
    else newer.older = entry;
    if (older === undefined) this.#oldest = entry;
    else older.newer = entry;
    this.#last = entry;
  }

  /** Takes the newest; there must be one. */
  take(): Broadcast {
    const newest = must(this.#newest, "a list that is kept has entries");
    this.remove(newest);
    return newest;
  }

  /** Takes out an entry of this list. */
  remove(entry: Broadcast): void {
    const { newer, older } = entry;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (this.#last === entry) this.#last = newer ?? older;
    entry.newer = undefined;
    entry.older = undefined;
  }

  /** The last one that is newer than `order`. */
  #newerThan(order: number): Broadcast | undefined {
    if (this.#newest === undefined || this.#newest.order < order) return undefined;
    if (this.#oldest !== undefined && this.#oldest.order > order) return this.#oldest;
    let at = must(this.#last, "a list with entries had one added");
    while (at.order < order) at = must(at.newer, "the newest is newer");
    while (at.older !== undefined && at.older.order > order) at = at.older;
    return at;
  }
}
