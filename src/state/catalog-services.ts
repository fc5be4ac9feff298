/** Changes of service instances. Source: the reference's ensureServiceTxn and deleteServiceTxn. */
import type { HealthCheck } from "../wire/structs/catalog.ts";
import type { NodeService, Weights } from "../wire/structs/service.ts";
import { deleteCheck } from "./catalog-checks.ts";
import {
  extinctionIndex,
  foldName,
  getNode,
  getService,
  instanceKey,
  missingNodeText,
  raiseIndex,
  raiseServiceIndexes,
  rowKey,
  rowKeyOfInstance,
  rowsOfNode,
  sameValue,
  serviceIndexName,
  servicePrefix,
} from "./catalog-rows.ts";
import { serviceMetaProblem } from "./service-meta.ts";
import type { StateStore } from "./store.ts";

const defaultWeights: Weights = { Passing: 1, Warning: 1 };
/** DNS carries weights in 16 bits. */
const weightMax = 65535;

/**
 * Sets a service instance on a node. An equal one changes nothing. Answers the refusal's text: the
 * node must exist and the metadata must keep its limits.
 */
// oxlint-disable-next-line max-params -- store and index lead every change; node and id together name the row.
export function ensureService(
  store: StateStore,
  index: number,
  nodeName: string,
  service: NodeService,
): string | undefined {
  const problem = serviceMetaProblem(service);
  if (problem !== undefined) {
    return `Invalid Service Meta for node ${nodeName} and serviceID ${service.ID}: ${problem}`;
  }
  const node = getNode(store, nodeName);
  if (node === undefined) return missingNodeText;
  const existing = getService(store, nodeName, service.ID);
  const row = storedService(service, existing?.CreateIndex ?? index, index);
  if (existing !== undefined && sameService(existing, row)) return undefined;
  putService(store, index, node.Node, row);
  return undefined;
}

/** Stores a finished row, marks the indexes and reports the change. */
// oxlint-disable-next-line max-params -- store and index lead every change; node and id together name the row.
export function putService(store: StateStore, index: number, nodeName: string, row: NodeService): void {
  const { services, servicesByName } = store.tables;
  const existing = getService(store, nodeName, row.ID);
  reportNames(store, nodeName, { before: existing, after: row });
  if (existing !== undefined && existing.Service !== row.Service) {
    servicesByName.delete(instanceKey(existing.Service, nodeName, existing.ID));
    instanceGone(store, index, existing);
  }
  store.changesRow("services", rowKey(nodeName, row.ID), existing);
  services.set(rowKey(nodeName, row.ID), row);
  servicesByName.set(instanceKey(row.Service, nodeName, row.ID), true);
  raiseIndex(store, "services", index);
  raiseServiceIndexes(store, row, index);
  reportInstance(store, nodeName, row);
  if (existing !== undefined) reportInstance(store, nodeName, existing);
}

/** Removes a service instance with its checks. Unknown instances are fine. */
// oxlint-disable-next-line max-params -- store and index lead every change; node and id together name the row.
export function deleteService(store: StateStore, index: number, node: string, serviceId: string): void {
  const existing = getService(store, node, serviceId);
  if (existing === undefined) return;
  for (const check of rowsOfNode<HealthCheck>(store.tables.checks, node)) {
    if (check.ServiceID === serviceId) deleteCheck(store, index, node, check.CheckID);
  }
  reportNames(store, node, { before: existing });
  raiseIndex(store, "checks", index);
  store.changesRow("services", rowKey(node, serviceId), existing);
  store.tables.services.delete(rowKey(node, serviceId));
  store.tables.servicesByName.delete(instanceKey(existing.Service, node, serviceId));
  raiseIndex(store, "services", index);
  reportInstance(store, node, existing);
  instanceGone(store, index, existing);
}

/** Instances of a service, as rows with the lower-case names of their nodes, in node order. */
export function* instancesOf(
  store: StateStore,
  service: string,
): IterableIterator<{ readonly key: string; readonly row: NodeService }> {
  for (const [key] of store.tables.servicesByName.withPrefix(servicePrefix(service))) {
    const row = store.tables.services.get(rowKeyOfInstance(key));
    if (row !== undefined) yield { key: rowKeyOfInstance(key), row };
  }
}

/** The service for which an instance is an entry to the mesh, if it is one. */
export function connectTarget(row: NodeService): string | undefined {
  if (row.Kind === "connect-proxy") return row.Proxy.DestinationServiceName;
  return row.Connect.Native ? row.Service : undefined;
}

/** What the catalog keeps of a registration: usable weights and the given indexes. */
export function storedService(service: NodeService, createIndex: number, modifyIndex: number): NodeService {
  return {
    ...service,
    Weights: usableWeights(service.Weights),
    LocallyRegisteredAsSidecar: false,
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}

function usableWeights(weights: Weights | null): Weights {
  if (weights === null) return defaultWeights;
  const { Passing, Warning } = weights;
  const usable = Passing >= 1 && Passing <= weightMax && Warning >= 0 && Warning <= weightMax;
  return usable ? weights : defaultWeights;
}

function sameService(a: NodeService, b: NodeService): boolean {
  return sameValue({ ...a, CreateIndex: 0, ModifyIndex: 0 }, { ...b, CreateIndex: 0, ModifyIndex: 0 });
}

/** Reports the topics of one instance. */
function reportInstance(store: StateStore, node: string, row: NodeService): void {
  store.changedTopic("service-rows");
  store.changedTopic(`service:${foldName(row.Service)}`);
  store.changedTopic(`node-services:${foldName(node)}`);
  const target = connectTarget(row);
  if (target !== undefined) store.changedTopic(`connect:${foldName(target)}`);
}

/** A service lost an instance, whose row is out of `servicesByName` already. */
function instanceGone(store: StateStore, index: number, gone: NodeService): void {
  raiseServiceIndexes(store, gone, index);
  for (const _ of instancesOf(store, gone.Service)) return;
  store.tables.indexes.delete(serviceIndexName(gone.Service));
  store.setIndex(extinctionIndex, index);
}

/** Reports `services` if this change of one row changes the set of names or of a name's tags. */
function reportNames(
  store: StateStore,
  node: string,
  { before, after }: { readonly before?: NodeService | undefined; readonly after?: NodeService | undefined },
): void {
  const sameName = before?.Service === after?.Service;
  const beforeTags = before?.Tags ?? [];
  const afterTags = after?.Tags ?? [];
  const changed =
    sameName && before !== undefined
      ? [
          ...beforeTags.filter((tag) => !afterTags.includes(tag)),
          ...afterTags.filter((tag) => !beforeTags.includes(tag)),
        ]
      : undefined;
  if (changed !== undefined) {
    if (changed.length > 0 && !others(store, node, before as NodeService).hasAll(changed))
      store.changedTopic("services");
    return;
  }
  for (const [row, tags] of [
    [before, beforeTags],
    [after, afterTags],
  ] as const) {
    if (row !== undefined && !others(store, node, row).hasAll(tags)) store.changedTopic("services");
  }
}

/** The other instances of a row's service: whether there are any, and whether they have tags between them. */
function others(
  store: StateStore,
  node: string,
  self: NodeService,
): { hasAll(tags: readonly string[]): boolean } {
  return {
    hasAll: (tags) => {
      const missing = new Set(tags);
      let any = false;
      const own = rowKey(node, self.ID);
      for (const { key, row } of instancesOf(store, self.Service)) {
        if (key === own) continue;
        any = true;
        for (const tag of row.Tags ?? []) missing.delete(tag);
        if (missing.size === 0) break;
      }
      return any && missing.size === 0;
    },
  };
}
