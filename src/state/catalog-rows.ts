/**
 * Keys, lookups and index marks that all of the catalog's change functions share.
 *
 * Topics (see `StateStore.changedTopic`), each with the names of nodes and services in lower case:
 * - `nodes`, `node:N`             any node's row; this node's row
 * - `services`                    the list of service names and their tags
 * - `service-rows`                any service instance's row
 * - `connect:S`                   an instance through which the mesh reaches this service
 * - `node-services:N`             a service of this node
 * - `service:S`                   an instance of this service, or the row of an instance's node
 * - `health:S`                    a check that concerns an instance of this service
 * - `service-checks:S`            a check registered for this service
 * - `checks`, `checks:STATUS`     any check; a check that is or was in this state
 * - `node-checks:N`               a check of this node
 * Source of index names: the reference's state store.
 */
import type { HealthCheck, Node } from "../wire/structs/catalog.ts";
import type { NodeService } from "../wire/structs/service.ts";
import { keySeparator, type StateStore, type Tables } from "./store.ts";

/** The refusals that clients match on. */
export const missingNodeText = "Missing node registration";
export const missingServiceText = "Missing service registration";
/** Index of the last time a service lost its last instance. */
export const extinctionIndex = "service_last_extinction";

/** Names compare without regard to case. */
export function foldName(name: string): string {
  return name.toLowerCase();
}

/** `lower-case node NUL id`: the key of a service or a check. */
export function rowKey(node: string, id: string): string {
  return foldName(node) + keySeparator + id;
}

/** Prefix of the keys of a node's services or checks. */
export function nodePrefix(node: string): string {
  return foldName(node) + keySeparator;
}

/** Prefix of a service's instances in `servicesByName`. */
export function servicePrefix(service: string): string {
  return foldName(service) + keySeparator;
}

export function instanceKey(service: string, node: string, id: string): string {
  return servicePrefix(service) + rowKey(node, id);
}

/** The row key of an instance, from its key in `servicesByName`. */
export function rowKeyOfInstance(key: string): string {
  return key.slice(key.indexOf(keySeparator) + 1);
}

/** The node's part of a row key, lower case. */
export function nodeOfRowKey(key: string): string {
  return key.slice(0, key.indexOf(keySeparator));
}

/** A node by its name, in any case. */
export function getNode(store: StateStore, name: string): Node | undefined {
  return store.tables.nodes.get(foldName(name));
}

/** A node by its id, in any case. */
export function getNodeById(store: StateStore, id: string): Node | undefined {
  const name = store.tables.nodeIds.get(id.toLowerCase());
  return name === undefined ? undefined : store.tables.nodes.get(name);
}

export function getService(store: StateStore, node: string, id: string): NodeService | undefined {
  return store.tables.services.get(rowKey(node, id));
}

export function getCheck(store: StateStore, node: string, checkId: string): HealthCheck | undefined {
  return store.tables.checks.get(rowKey(node, checkId));
}

/** The rows of a node in a table keyed by node. */
export function rowsOfNode<T>(table: Tables["services"] | Tables["checks"], node: string): T[] {
  const rows: T[] = [];
  for (const [, row] of table.withPrefix(nodePrefix(node))) rows.push(row as T);
  return rows;
}

/** Raises an index; a restored row never lowers one. */
export function raiseIndex(store: StateStore, name: string, index: number): void {
  if (index > store.maxIndex(name)) store.setIndex(name, index);
}

/** Name of a service's own index. */
export function serviceIndexName(service: string): string {
  return `service.${service}`;
}

/** Marks a service, by one of its rows, as changed at `index`. */
export function raiseServiceIndexes(store: StateStore, service: NodeService, index: number): void {
  raiseIndex(store, serviceIndexName(service.Service), index);
  raiseIndex(store, `service_kind.${service.Kind === "" ? "typical" : service.Kind}`, index);
}

/** Marks every service of a node as changed and reports it under `topic`. */
export function touchServicesOfNode(
  store: StateStore,
  index: number,
  { node, topic }: { readonly node: string; readonly topic: "service" | "health" },
): void {
  for (const [, service] of store.tables.services.withPrefix(nodePrefix(node))) {
    raiseServiceIndexes(store, service, index);
    store.changedTopic(`${topic}:${foldName(service.Service)}`);
  }
}

/** Whether two plain values are equal in depth; `null` differs from empty, as peers see it. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every(
    (key) => key in b && sameValue((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}
