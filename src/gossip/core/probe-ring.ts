/**
 * Whom to probe next: every node once per round, in an order that is new each round.
 *
 * A newcomer gets a random place, so that on average it waits half a round, and after a round all are shuffled. So a
 * node is probed at least once in 2n − 1 turns, where independent random choices could miss it for ever.
 * Source: SWIM (Das, Gupta, Motivala 2002), section 4.3.
 */
import type { Rng } from "../../lib/rng.ts";

/** Holds each node once. All is O(1) but the turn of a round, which is O(n). */
export class ProbeRing<Item> {
  readonly #rng: Rng;
  readonly #items: Item[] = [];
  /** 0-based place of the next turn. */
  #next = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  get size(): number {
    return this.#items.length;
  }

  /** In no particular order. Do not change the ring while using it. */
  get items(): readonly Item[] {
    return this.#items;
  }

  /** Adds an item that is not there yet, at a random place. */
  add(item: Item): void {
    const items = this.#items;
    const place = this.#rng.below(items.length + 1);
    const moved = items[place];
    if (moved === undefined) {
      items.push(item);
    } else {
      items.push(moved);
      items[place] = item;
    }
  }

  /**
   * The next item that may be probed; `undefined` if there is none.
   *
   * At the end of a round, `isGone` says what to forget; those go to `forgotten`.
   */
  next(o: {
    readonly mayProbe: (item: Item) => boolean;
    readonly isGone: (item: Item) => boolean;
    readonly forgotten: (item: Item) => void;
  }): Item | undefined {
    // The rest of this round and all of the next: after a shuffle the only one left may stand last.
    for (let considered = 0; considered < 2 * this.#items.length; considered += 1) {
      if (this.#next >= this.#items.length) {
        this.#turn(o.isGone, o.forgotten);
        this.#next = 0;
      }
      const item = this.#items[this.#next];
      this.#next += 1;
      if (item !== undefined && o.mayProbe(item)) return item;
    }
    return undefined;
  }

  /** Up to `count` different random items that are wanted; fewer if 3n draws do not find them. */
  pick(count: number, isWanted: (item: Item) => boolean): readonly Item[] {
    const items = this.#items;
    const picked: Item[] = [];
    for (let draw = 0; draw < 3 * items.length && picked.length < count; draw += 1) {
      const item = items[this.#rng.below(items.length)];
      if (item !== undefined && isWanted(item) && !picked.includes(item)) picked.push(item);
    }
    return picked;
  }

  #turn(isGone: (item: Item) => boolean, forgotten: (item: Item) => void): void {
    const items = this.#items;
    let kept = 0;
    for (const item of items) {
      if (isGone(item)) {
        forgotten(item);
      } else {
        items[kept] = item;
        kept += 1;
      }
    }
    items.length = kept;
    for (let at = kept - 1; at > 0; at -= 1) {
      const other = this.#rng.below(at + 1);
      const item = items[at] as Item;
      items[at] = items[other] as Item;
      items[other] = item;
    }
  }
}
