/**
 * Reads of the catalog. Each notes in the watch set exactly the topics its answer depends on, and gives
 * the index that the reference answers with.
 */
import type { Node, NodeServices, ServiceNode } from "../wire/structs/catalog.ts";
import type { NodeService } from "../wire/structs/service.ts";
import { extinctionIndex, foldName, nodeOfRowKey, rowsOfNode, serviceIndexName } from "./catalog-rows.ts";
import { connectTarget, instancesOf } from "./catalog-services.ts";
import type { StateStore } from "./store.ts";
import type { WatchSet } from "./watch.ts";

/** Wanted node metadata: every pair must match. `null` wants nothing. */
export type MetaFilters = Readonly<Record<string, string>> | null;

/** A node id is searched by prefix from this many characters on. */
const idPrefixMin = 2;

/** Whether metadata has every wanted pair. */
export function satisfiesMeta(meta: Readonly<Record<string, string>> | null, wanted: MetaFilters): boolean {
  return wanted === null || Object.entries(wanted).every(([key, value]) => meta?.[key] === value);
}

/** All nodes, in name order. */
export function listNodes(store: StateStore, watch: WatchSet, wanted: MetaFilters): Node[] {
  watch.topic("nodes");
  const nodes = [...store.tables.nodes.values()];
  return wanted === null ? nodes : nodes.filter((node) => satisfiesMeta(node.Meta, wanted));
}

/** Every service name with the tags of its instances. */
export function listServices(
  store: StateStore,
  watch: WatchSet,
  wanted: MetaFilters,
): Readonly<Record<string, readonly string[]>> {
  watch.topic("services");
  if (wanted !== null) {
    // Which instances count depends on their nodes, so the exact list topic is not enough.
    watch.topic("nodes");
    watch.topic("service-rows");
  }
  const tagsByName = new Map<string, Set<string>>();
  for (const [key, service] of store.tables.services.entries()) {
    const counts =
      wanted === null || satisfiesMeta(store.tables.nodes.get(nodeOfRowKey(key))?.Meta ?? null, wanted);
    if (!counts) continue;
    const tags = tagsByName.get(service.Service) ?? new Set<string>();
    tagsByName.set(service.Service, tags);
    for (const tag of service.Tags ?? []) tags.add(tag);
  }
  const services = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, tags] of tagsByName) services[name] = [...tags];
  return services;
}

/** Which instances of a service are wanted. */
export interface InstanceQuery {
  readonly service: string;
  /** Instances through which the service is reached in the mesh: its proxies and native instances. */
  readonly connect: boolean;
  /** All must be present, in any case; `undefined` wants every instance. */
  readonly tags: readonly string[] | undefined;
}

/** A row with its node. */
export interface Instance {
  readonly node: Node;
  readonly row: NodeService;
}

/** The wanted instances in node order. Notes their services' topics, with those of their checks if `health`. */
export function findInstances(
  store: StateStore,
  watch: WatchSet,
  query: InstanceQuery & { readonly health: boolean },
): Instance[] {
  const found: Instance[] = [];
  for (const { key, row } of query.connect
    ? connectRows(store, query.service)
    : instancesOf(store, query.service)) {
    const node = store.tables.nodes.get(nodeOfRowKey(key));
    if (node !== undefined && hasTags(row, query.tags)) found.push({ node, row });
    if (query.connect) watchService(watch, row.Service, query.health);
  }
  if (query.connect) watch.topic(`connect:${foldName(query.service)}`);
  else watchService(watch, query.service, query.health);
  return found;
}

/** The index of a read of a service's instances. O(1) but for connect, which visits what was found. */
export function instancesIndex(
  store: StateStore,
  found: readonly { readonly row: NodeService }[],
  query: { readonly service: string; readonly connect: boolean; readonly health: boolean },
): number {
  const tables = query.health ? ["nodes", "services", "checks"] : ["nodes", "services"];
  if (!query.connect) {
    for (const { row } of instancesOf(store, query.service)) {
      return store.maxIndex(serviceIndexName(row.Service)) || store.maxIndex(...tables);
    }
  }
  const names = new Set(found.map(({ row }) => row.Service));
  if (names.size > 0) return store.maxIndex(...[...names].map(serviceIndexName));
  return store.maxIndex(extinctionIndex) || store.maxIndex(...tables);
}

/** Whether a service has any instance, healthy or not. */
export function hasInstances(store: StateStore, service: string): boolean {
  for (const _ of instancesOf(store, service)) return true;
  return false;
}

/** Instances whose own address, or whose node's, is `address`. */
export function instancesAtAddress(store: StateStore, watch: WatchSet, address: string): Instance[] {
  watch.topic("service-rows");
  watch.topic("nodes");
  const found: Instance[] = [];
  for (const [key, row] of store.tables.services.entries()) {
    const node = store.tables.nodes.get(nodeOfRowKey(key));
    if (node === undefined) continue;
    if (row.Address === address || (row.Address === "" && node.Address === address))
      found.push({ node, row });
  }
  return found;
}

/** Every instance of every service. */
export function listInstances(store: StateStore, watch: WatchSet): Instance[] {
  watch.topic("service-rows");
  watch.topic("nodes");
  const found: Instance[] = [];
  for (const [key, row] of store.tables.services.entries()) {
    const node = store.tables.nodes.get(nodeOfRowKey(key));
    if (node !== undefined) found.push({ node, row });
  }
  return found;
}

const noMeta: Readonly<Record<string, string>> = Object.freeze({});

/** The flat form of an instance. Agents count on metadata, be it empty. */
export function toServiceNode({ node, row }: Instance): ServiceNode {
  return {
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    Datacenter: node.Datacenter,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    ServiceKind: row.Kind,
    ServiceID: row.ID,
    ServiceName: row.Service,
    ServiceTags: row.Tags,
    ServiceAddress: row.Address,
    ServiceTaggedAddresses: row.TaggedAddresses,
    ServiceWeights: row.Weights ?? { Passing: 1, Warning: 1 },
    ServiceMeta: row.Meta ?? noMeta,
    ServicePort: row.Port,
    ServiceSocketPath: row.SocketPath,
    ServiceLocality: row.Locality,
    PeerName: row.PeerName,
    ServiceEnableTagOverride: row.EnableTagOverride,
    ServiceProxy: row.Proxy,
    ServiceConnect: row.Connect,
    CreateIndex: row.CreateIndex,
    ModifyIndex: row.ModifyIndex,
  };
}

/** A node, by name or by a prefix of its id that fits no other, with its services. */
export function nodeServices(store: StateStore, watch: WatchSet, nameOrId: string): NodeServices | null {
  const node = findNode(store, watch, nameOrId);
  if (node === undefined) return null;
  watch.topic(`node-services:${foldName(node.Node)}`);
  const services = Object.create(null) as Record<string, NodeService>;
  for (const service of rowsOfNode<NodeService>(store.tables.services, node.Node))
    services[service.ID] = service;
  return { Node: node, Services: services };
}

function findNode(store: StateStore, watch: WatchSet, nameOrId: string): Node | undefined {
  const byName = store.tables.nodes.get(foldName(nameOrId));
  watch.topic(`node:${foldName(nameOrId)}`);
  if (byName !== undefined || nameOrId.length < idPrefixMin) return byName;
  const matches = [...take(store.tables.nodeIds.withPrefix(nameOrId.toLowerCase()), 2)];
  const only = matches.length === 1 ? matches[0]?.[1] : undefined;
  if (only === undefined) return undefined;
  watch.topic(`node:${only}`);
  return store.tables.nodes.get(only);
}

function* take<T>(items: Iterable<T>, count: number): IterableIterator<T> {
  let left = count;
  for (const item of items) {
    if (left === 0) return;
    left -= 1;
    yield item;
  }
}

function watchService(watch: WatchSet, service: string, health: boolean): void {
  watch.topic(`service:${foldName(service)}`);
  if (health) watch.topic(`health:${foldName(service)}`);
}

function hasTags(row: NodeService, tags: readonly string[] | undefined): boolean {
  if (tags === undefined) return true;
  const own = (row.Tags ?? []).map((tag) => tag.toLowerCase());
  return tags.every((tag) => own.includes(tag.toLowerCase()));
}

function* connectRows(
  store: StateStore,
  service: string,
): IterableIterator<{ readonly key: string; readonly row: NodeService }> {
  const wanted = foldName(service);
  for (const [key, row] of store.tables.services.entries()) {
    const target = connectTarget(row);
    if (target !== undefined && foldName(target) === wanted) yield { key, row };
  }
}
