/** The catalog as a whole: nodes with all that is on them, and instances of every service. */
import type { CheckServiceNode, HealthCheck, Node } from "../wire/structs/catalog.ts";
import type { NodeInfo } from "../wire/structs/dump.ts";
import type { NodeService } from "../wire/structs/service.ts";
import { foldName, rowsOfNode } from "./catalog-rows.ts";
import type { StateStore } from "./store.ts";
import type { WatchSet } from "./watch.ts";

/** All nodes, in name order, or the one of that name. O(size of what is given). */
export function nodeDump(store: StateStore, watch: WatchSet, name?: string): NodeInfo[] {
  if (name === undefined) {
    watchAll(watch);
    return [...store.tables.nodes.values()].map((node) => nodeInfo(store, node));
  }
  const folded = foldName(name);
  watch.topic(`node:${folded}`);
  watch.topic(`node-services:${folded}`);
  watch.topic(`node-checks:${folded}`);
  const node = store.tables.nodes.get(folded);
  return node === undefined ? [] : [nodeInfo(store, node)];
}

function nodeInfo(
  store: StateStore,
  { ID, Node: name, PeerName, Address, TaggedAddresses, Meta }: Node,
): NodeInfo {
  return {
    ID,
    Node: name,
    PeerName,
    Address,
    TaggedAddresses,
    Meta,
    Services: rowsOfNode<NodeService>(store.tables.services, name),
    Checks: rowsOfNode<HealthCheck>(store.tables.checks, name),
  };
}

/** Every instance with its node and the checks of both; `kind` leaves out those of other kinds. */
export function serviceDump(
  store: StateStore,
  watch: WatchSet,
  { kind }: { readonly kind: string | undefined },
): CheckServiceNode[] {
  watchAll(watch);
  const found: CheckServiceNode[] = [];
  for (const node of store.tables.nodes.values()) {
    const checks = rowsOfNode<HealthCheck>(store.tables.checks, node.Node);
    for (const service of rowsOfNode<NodeService>(store.tables.services, node.Node)) {
      if (kind !== undefined && service.Kind !== kind) continue;
      const own = checks.filter(({ ServiceID }) => ServiceID === "" || ServiceID === service.ID);
      found.push({ Node: node, Service: service, Checks: own });
    }
  }
  return found;
}

function watchAll(watch: WatchSet): void {
  for (const topic of ["nodes", "service-rows", "checks"]) watch.topic(topic);
}
