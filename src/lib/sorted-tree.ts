/**
 * The B-tree of `sorted-btree` as a constructor, whichever way the package was loaded.
 *
 * It is CommonJS with a `default` of its own: Node and bundles for it hand out the whole module as default.
 */
import type BTree from "sorted-btree";
import * as sortedBtree from "sorted-btree";

type TreeMaker = typeof BTree;
const loaded = sortedBtree.default as unknown as TreeMaker | { readonly default: TreeMaker };

/** An ordered map; see the package for its methods. The comparator must order all keys totally. */
export const SortedTree: TreeMaker = typeof loaded === "function" ? loaded : loaded.default;
/** An instance of `SortedTree`. */
export type SortedTree<K, V> = BTree<K, V>;
