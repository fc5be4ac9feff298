/**
 * Changes of the catalog: nodes here, services and checks in the files beside.
 *
 * Source of the rules and texts: the reference's ensureNodeTxn, deleteNodeTxn, ensureRegistrationTxn.
 */
import type { HealthCheck, Node, RegisterRequest } from "../wire/structs/catalog.ts";
import type { NodeService } from "../wire/structs/service.ts";
import { deleteCheck, ensureCheck, putCheck } from "./catalog-checks.ts";
import {
  foldName,
  getCheck,
  getNode,
  getNodeById,
  getService,
  missingServiceText,
  nodePrefix,
  raiseIndex,
  rowsOfNode,
  sameValue,
  touchServicesOfNode,
} from "./catalog-rows.ts";
import { deleteService, ensureService, putService, storedService } from "./catalog-services.ts";
import { serviceMetaProblem } from "./service-meta.ts";
import { invalidateNodeSessions } from "./session.ts";
import type { StateStore } from "./store.ts";

export { deleteCheck, deleteService, ensureCheck, ensureService, getCheck, getNode, getNodeById, getService };

/** Check that gossip keeps for each member; while it is critical the node's name may be taken over. */
const gossipCheckId = "serfHealth";

/**
 * Sets a node. An equal one changes nothing; one with a known id and a new name is renamed, which drops
 * what was registered under the old name. Answers the refusal's text.
 */
export function ensureNode(store: StateStore, index: number, node: Node): string | undefined {
  const problem = nodeProblem(store, node);
  if (problem !== undefined) return problem;
  const sameId = node.ID === "" ? undefined : getNodeById(store, node.ID);
  if (sameId !== undefined && foldName(sameId.Node) !== foldName(node.Node))
    deleteNode(store, index, sameId.Node);
  const existing = sameId ?? getNode(store, node.Node);
  const row: Node = { ...node, CreateIndex: existing?.CreateIndex ?? index, ModifyIndex: index };
  if (existing !== undefined && sameNode(existing, row)) return undefined;
  putNode(store, index, row);
  return undefined;
}

/** Removes a node with its services, checks, coordinates and sessions. Unknown nodes are fine. */
export function deleteNode(store: StateStore, index: number, name: string): void {
  const existing = getNode(store, name);
  if (existing === undefined) return;
  const { nodes, nodeIds, services, checks, coordinates } = store.tables;
  for (const service of rowsOfNode<NodeService>(services, name))
    deleteService(store, index, name, service.ID);
  for (const check of rowsOfNode<HealthCheck>(checks, name)) deleteCheck(store, index, name, check.CheckID);
  for (const key of [...coordinates.withPrefix(nodePrefix(name))].map(([key]) => key)) {
    coordinates.delete(key);
    raiseIndex(store, "coordinates", index);
    store.changedTopic("coordinates");
    store.changedTopic(`coordinates:${foldName(name)}`);
  }
  store.changesRow("nodes", foldName(name), existing);
  nodes.delete(foldName(name));
  if (existing.ID !== "") nodeIds.delete(existing.ID.toLowerCase());
  raiseIndex(store, "nodes", index);
  store.changedTopic("nodes");
  store.changedTopic(`node:${foldName(name)}`);
  invalidateNodeSessions(store, index, existing.Node);
}

/** Applies a registration: node, service and checks, all or nothing. Answers the refusal's text. */
export function register(store: StateStore, index: number, request: RegisterRequest): string | undefined {
  const existing = getNode(store, request.Node);
  const node = nodeOf(request);
  const changesNode = existing === undefined || (!request.SkipNodeUpdate && !sameNode(existing, node));
  const checks = checksOf(request);
  const problem =
    (changesNode ? prefixed("failed inserting node: ", nodeProblem(store, node)) : undefined) ??
    serviceProblem(request) ??
    firstCheckProblem(store, request, checks);
  if (problem !== undefined) return problem;

  // The problems are ruled out, so none of these refuses halfway.
  if (changesNode) ensureNode(store, index, node);
  if (request.Service !== null) ensureService(store, index, request.Node, request.Service);
  for (const check of checks) ensureCheck(store, index, check);
  return undefined;
}

/** Puts a snapshot's registration back with its own indexes; `lastIndex` stands in where it has none. */
export function restoreRegistration(store: StateStore, lastIndex: number, request: RegisterRequest): void {
  if (getNode(store, request.Node) === undefined) {
    const index = request.ModifyIndex === 0 ? lastIndex : request.ModifyIndex;
    const createIndex = request.CreateIndex === 0 ? index : request.CreateIndex;
    putNode(store, index, { ...nodeOf(request), CreateIndex: createIndex, ModifyIndex: index });
  }
  const { Service: service } = request;
  if (service !== null) {
    const row = storedService(service, service.CreateIndex, service.ModifyIndex);
    putService(store, row.ModifyIndex, request.Node, row);
  }
  for (const check of checksOf(request)) putCheck(store, check.ModifyIndex, check);
}

/** The node that a registration names. */
function nodeOf(request: RegisterRequest): Node {
  return {
    ID: request.ID,
    Node: request.Node,
    Address: request.Address,
    Datacenter: request.Datacenter,
    TaggedAddresses: request.TaggedAddresses,
    Meta: request.NodeMeta,
    PeerName: "",
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

function checksOf(request: RegisterRequest): HealthCheck[] {
  return [request.Check, ...(request.Checks ?? [])].filter((check) => check !== null);
}

function prefixed(prefix: string, problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : prefix + problem;
}

function sameNode(a: Node, b: Node): boolean {
  return (
    a.ID === b.ID &&
    a.Node === b.Node &&
    a.Address === b.Address &&
    a.Datacenter === b.Datacenter &&
    sameValue(a.TaggedAddresses, b.TaggedAddresses) &&
    sameValue(a.Meta, b.Meta)
  );
}

/** Why a node may not be set: its name belongs to another node that lives. */
function nodeProblem(store: StateStore, node: Node): string | undefined {
  if (node.ID === "") return undefined;
  const sameId = getNodeById(store, node.ID);
  if (sameId !== undefined && foldName(sameId.Node) === foldName(node.Node)) return undefined;
  const sameName = getNode(store, node.Node);
  if (sameName === undefined || sameName.ID === node.ID) return undefined;
  // A node without an id may be given one, but a renamed node may not swallow it.
  if (sameId === undefined && sameName.ID === "") return undefined;
  const health = getCheck(store, sameName.Node, gossipCheckId);
  if (health === undefined || health.Status === "critical") return undefined;
  const clash = `Node name ${node.Node} is reserved by node ${sameName.ID} with name ${sameName.Node} (${sameName.Address})`;
  const address = sameId === undefined ? "" : ` (${node.Address})`;
  return `Error while renaming Node ID: ${JSON.stringify(node.ID)}${address}: ${clash}`;
}

function serviceProblem({ Node: node, Service: service }: RegisterRequest): string | undefined {
  const problem = service === null ? undefined : serviceMetaProblem(service);
  if (problem === undefined) return undefined;
  return `failed inserting service: Invalid Service Meta for node ${node} and serviceID ${service?.ID}: ${problem}`;
}

function firstCheckProblem(
  store: StateStore,
  request: RegisterRequest,
  checks: readonly HealthCheck[],
): string | undefined {
  for (const check of checks) {
    if (foldName(check.Node) !== foldName(request.Node)) {
      return `check node ${JSON.stringify(check.Node)} does not match node ${JSON.stringify(request.Node)}`;
    }
    const served =
      check.ServiceID === "" ||
      check.ServiceID === request.Service?.ID ||
      getService(store, request.Node, check.ServiceID) !== undefined;
    if (!served) return `failed inserting check: ${missingServiceText} on node ${JSON.stringify(check.Node)}`;
  }
  return undefined;
}

function putNode(store: StateStore, index: number, row: Node): void {
  const key = foldName(row.Node);
  const { nodes, nodeIds } = store.tables;
  const replaced = nodes.get(key);
  if (replaced !== undefined && replaced.ID !== row.ID && replaced.ID !== "")
    nodeIds.delete(replaced.ID.toLowerCase());
  store.changesRow("nodes", key, replaced);
  nodes.set(key, row);
  if (row.ID !== "") nodeIds.set(row.ID.toLowerCase(), key);
  raiseIndex(store, "nodes", index);
  store.changedTopic("nodes");
  store.changedTopic(`node:${key}`);
  touchServicesOfNode(store, index, { node: row.Node, topic: "service" });
}
