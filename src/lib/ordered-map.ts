/**
 * A map in key order with O(1) copies: what the state store's tables are made of.
 *
 * A wrapper of `sorted-btree` (copy-on-write nodes), so that another B-tree can replace it.
 * Keys compare by UTF-16 units, which for byte strings and ASCII is byte order.
 */
import { SortedTree } from "./sorted-tree.ts";

const byUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export class OrderedMap<V> {
  readonly #tree: SortedTree<string, V>;

  constructor(tree: SortedTree<string, V> = new SortedTree<string, V>(undefined, byUnits)) {
    this.#tree = tree;
  }

  get size(): number {
    return this.#tree.size;
  }

  get(key: string): V | undefined {
    return this.#tree.get(key);
  }

  has(key: string): boolean {
    return this.#tree.has(key);
  }

  set(key: string, value: V): void {
    this.#tree.set(key, value);
  }

  /** Whether the key was there. */
  delete(key: string): boolean {
    return this.#tree.delete(key);
  }

  /** Entries whose key starts with `prefix`, in order. Do not change the map while iterating. */
  *withPrefix(prefix: string): IterableIterator<readonly [string, V]> {
    for (const entry of this.#tree.entries(prefix)) {
      if (!entry[0].startsWith(prefix)) return;
      yield entry;
    }
  }

  /** All entries in order. Do not change the map while iterating. */
  entries(): IterableIterator<readonly [string, V]> {
    return this.#tree.entries();
  }

  values(): IterableIterator<V> {
    return this.#tree.values();
  }

  /** An independent copy; shares nodes until one side writes. O(1). */
  clone(): OrderedMap<V> {
    return new OrderedMap(this.#tree.clone());
  }
}
