/**
 * Broadcasts of one length that were told equally often, the newest first.
 *
 *     newest ⇄ … ⇄ last added ⇄ … ⇄ oldest
 *
 * A linked list, so that one that was overtaken by newer news is taken out where it stands. Of those never told each
 * comes in as the newest. Those told more often come in as they were taken, the newest first: each belongs at an end
 * or near the one before it, and a search from there rarely takes a step. At worst it is O(n).
 */
import { assert } from "../../lib/assert.ts";
import { nobody, type BroadcastColumns } from "./broadcast-columns.ts";

/** Holds numbers of broadcasts that are in no other list. */
export class BroadcastList {
  /** Bytes of each of its broadcasts. */
  readonly length: number;
  readonly #columns: BroadcastColumns;
  #newest = nobody;
  #oldest = nobody;
  /** Where the search for the next one's place begins. */
  #last = nobody;

  constructor(columns: BroadcastColumns, length: number) {
    this.#columns = columns;
    this.length = length;
  }

  get isEmpty(): boolean {
    return this.#newest === nobody;
  }

  /** Every broadcast, the newest first. O(n). */
  entries(): readonly number[] {
    const entries: number[] = [];
    for (let entry = this.#newest; entry !== nobody; entry = this.#olderThan(entry)) entries.push(entry);
    return entries;
  }

  add(entry: number): void {
    const columns = this.#columns;
    const newer = this.#newerThan(columns.order[entry] as number);
    const older = newer === nobody ? this.#newest : this.#olderThan(newer);
    columns.newer[entry] = newer;
    columns.older[entry] = older;
    if (newer === nobody) this.#newest = entry;
    else columns.older[newer] = entry;
    if (older === nobody) this.#oldest = entry;
    else columns.newer[older] = entry;
    this.#last = entry;
  }

  /** Takes the newest; there must be one. */
  take(): number {
    const newest = this.#newest;
    assert(newest !== nobody, "a list that is kept has entries");
    this.remove(newest);
    return newest;
  }

  /** Takes out a broadcast of this list. */
  remove(entry: number): void {
    const columns = this.#columns;
    const newer = columns.newer[entry] as number;
    const older = columns.older[entry] as number;
    if (newer === nobody) this.#newest = older;
    else columns.older[newer] = older;
    if (older === nobody) this.#oldest = newer;
    else columns.newer[older] = newer;
    if (this.#last === entry) this.#last = newer === nobody ? older : newer;
  }

  /** The last one that is newer than `order`. */
  #newerThan(order: number): number {
    const { order: orders, newer } = this.#columns;
    if (this.#newest === nobody || (orders[this.#newest] as number) < order) return nobody;
    if ((orders[this.#oldest] as number) > order) return this.#oldest;
    let at = this.#last;
    while ((orders[at] as number) < order) at = newer[at] as number;
    for (let next = this.#olderThan(at); (orders[next] as number) > order; next = this.#olderThan(at))
      at = next;
    return at;
  }

  #olderThan(entry: number): number {
    return this.#columns.older[entry] as number;
  }
}
