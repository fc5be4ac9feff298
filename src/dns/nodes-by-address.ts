/** Finds the node that has an address. An unchanged list of nodes is the same object, so each is indexed once. */
import { parseIp, renderIp } from "../lib/ip.ts";
import type { Node } from "../wire/structs/catalog.ts";

type Nodes = readonly Node[];

export class NodesByAddress {
  readonly #indexes = new WeakMap<Nodes, ReadonlyMap<string, Node>>();

  /** The first node with this address, which is in its usual form; nodes may spell theirs otherwise. */
  find(nodes: Nodes, address: string): Node | undefined {
    let index = this.#indexes.get(nodes);
    if (index === undefined) this.#indexes.set(nodes, (index = indexOf(nodes)));
    return index.get(address);
  }
}

function indexOf(nodes: Nodes): ReadonlyMap<string, Node> {
  const index = new Map<string, Node>();
  for (const node of nodes) {
    const ip = parseIp(node.Address);
    if (ip === undefined) continue;
    const address = renderIp(ip);
    if (!index.has(address)) index.set(address, node);
  }
  return index;
}
