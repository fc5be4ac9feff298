/** Reads of checks, and of instances with the checks that concern them. */
import type { CheckServiceNode, HealthCheck } from "../wire/structs/catalog.ts";
import { findInstances, satisfiesMeta, type InstanceQuery, type MetaFilters } from "./catalog-reads.ts";
import { foldName, nodeOfRowKey, rowsOfNode } from "./catalog-rows.ts";
import type { StateStore } from "./store.ts";
import type { WatchSet } from "./watch.ts";

/** The pseudo-state that stands for every state. */
export const anyState = "any";

/** Instances of a service, each with its node and the checks of both: the node's first. */
export function checkServiceNodes(
  store: StateStore,
  watch: WatchSet,
  query: InstanceQuery,
): CheckServiceNode[] {
  const byNode = new Map<string, NodeChecks>();
  return findInstances(store, watch, { ...query, health: true }).map(({ node, row }) => {
    let checks = byNode.get(node.Node);
    if (checks === undefined) byNode.set(node.Node, (checks = sortChecks(store, node.Node)));
    const own = checks.ofService.get(row.ID);
    return {
      Node: node,
      Service: row,
      Checks: own === undefined ? checks.ofNode : [...checks.ofNode, ...own],
    };
  });
}

interface NodeChecks {
  readonly ofNode: readonly HealthCheck[];
  readonly ofService: ReadonlyMap<string, readonly HealthCheck[]>;
}

/** A node's checks by what they concern, so that a node with many services is walked once. */
function sortChecks(store: StateStore, node: string): NodeChecks {
  const ofNode: HealthCheck[] = [];
  const ofService = new Map<string, HealthCheck[]>();
  for (const check of rowsOfNode<HealthCheck>(store.tables.checks, node)) {
    if (check.ServiceID === "") ofNode.push(check);
    else {
      const known = ofService.get(check.ServiceID);
      if (known === undefined) ofService.set(check.ServiceID, [check]);
      else known.push(check);
    }
  }
  return { ofNode, ofService };
}

/** All checks of a node. */
export function nodeChecks(store: StateStore, watch: WatchSet, node: string): HealthCheck[] {
  watch.topic(`node-checks:${foldName(node)}`);
  return rowsOfNode<HealthCheck>(store.tables.checks, node);
}

/**
 * Checks registered for a service, on nodes with the wanted metadata. A check keeps the name that its
 * service had when the check was last set, so all checks are looked at.
 */
export function serviceChecks(
  store: StateStore,
  watch: WatchSet,
  { service, meta }: { readonly service: string; readonly meta: MetaFilters },
): HealthCheck[] {
  watch.topic(`service-checks:${foldName(service)}`);
  if (meta !== null) watch.topic("nodes");
  const wanted = foldName(service);
  const found: HealthCheck[] = [];
  for (const [key, check] of store.tables.checks.entries()) {
    if (check.ServiceName === "" || foldName(check.ServiceName) !== wanted) continue;
    if (satisfiesMeta(store.tables.nodes.get(nodeOfRowKey(key))?.Meta ?? null, meta)) found.push(check);
  }
  return found;
}

/** Checks in a state, or in any, on nodes with the wanted metadata. */
export function checksInState(
  store: StateStore,
  watch: WatchSet,
  { state, meta }: { readonly state: string; readonly meta: MetaFilters },
): HealthCheck[] {
  watch.topic(state === anyState ? "checks" : `checks:${state}`);
  if (meta !== null) watch.topic("nodes");
  const found: HealthCheck[] = [];
  for (const [key, check] of store.tables.checks.entries()) {
    if (state !== anyState && check.Status !== state) continue;
    if (satisfiesMeta(store.tables.nodes.get(nodeOfRowKey(key))?.Meta ?? null, meta)) found.push(check);
  }
  return found;
}
