/** Endpoints of the catalog. Source: the reference's Catalog service; protocol reference, RPC section 8. */
import { allowAll, type Authorizer } from "../acl/authorizer.ts";
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import { virtualIpOf } from "../fsm/kept-virtual-ips.ts";
import { getCheck, getService } from "../state/catalog.ts";
import {
  findInstances,
  instancesAtAddress,
  instancesIndex,
  listInstances,
  listNodes,
  listServices,
  nodeServices,
  satisfiesMeta,
  toServiceNode,
  type Instance,
  type MetaFilters,
} from "../state/catalog-reads.ts";
import { extinctionIndex } from "../state/catalog-rows.ts";
import { sortedKeys } from "../wire/schema/json-text.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import * as methods from "../wire/rpc/methods.ts";
import { catalogGatewayServices } from "../wire/rpc/operator-methods.ts";
import {
  DeregisterRequest,
  Node,
  RegisterRequest,
  ServiceNode,
  type NodeServices,
  type ServiceSpecificRequest,
} from "../wire/structs/catalog.ts";
import { NodeService } from "../wire/structs/service.ts";
import { blockingRead, readNow, type ReadResult } from "./blocking.ts";
import { endpoint, type AnyEndpoint, type Caller, type ServerContext } from "./context.ts";
import { passing, rowFilter, type RowFilter } from "./filter.ts";
import { sortByDistance } from "./near.ts";
import { queryCacheOf } from "./query-cache.ts";
import { authorizeRegistration, completeRegistration, stamped } from "./registration.ts";
import type { StateStore } from "../state/store.ts";
import type { WatchSet } from "../state/watch.ts";

const register = endpoint({
  method: methods.catalogRegister,
  kind: "write",
  handle: async (server, request, { authorizer }) => {
    const body = stamped(completeRegistration(request, server.settings.datacenter), server.clock.wallMs());
    if (authorizer !== allowAll) authorizeRegistration(server.store, authorizer, body);
    const refusal = await server.consensus.propose(
      encodeCommand(commandType.register, RegisterRequest, body),
      body,
    );
    if (typeof refusal === "string") throw new RpcError(refusal);
    return {};
  },
});

const deregister = endpoint({
  method: methods.catalogDeregister,
  kind: "write",
  handle: async (server, request, { authorizer }) => {
    if (request.Node === "") throw new RpcError("Must provide node");
    if (!mayDeregister(server, authorizer, request)) throw new PermissionDeniedError();
    const body = {
      ...request,
      Datacenter: request.Datacenter === "" ? server.settings.datacenter : request.Datacenter,
    };
    await server.consensus.propose(encodeCommand(commandType.deregister, DeregisterRequest, body), body);
    return {};
  },
});

/** The node's writers may remove all that is on it, a service's writers the service and its checks. */
function mayDeregister(
  { store }: ServerContext,
  authorizer: Authorizer,
  request: DeregisterRequest,
): boolean {
  if (authorizer.nodeWrite(request.Node)) return true;
  if (request.ServiceID !== "") {
    const service = getService(store, request.Node, request.ServiceID);
    return service !== undefined && authorizer.serviceWrite(service.Service);
  }
  const check = request.CheckID === "" ? undefined : getCheck(store, request.Node, request.CheckID);
  return check !== undefined && check.ServiceName !== "" && authorizer.serviceWrite(check.ServiceName);
}

const datacenters = endpoint({
  method: methods.catalogDatacenters,
  kind: "local",
  handle: async (server) => [server.settings.datacenter],
});

const nodes = endpoint({
  method: methods.catalogNodes,
  kind: "read",
  handle: async (server, request, caller) => {
    const { store } = server;
    const filter = rowFilter(request, Node);
    const key = `nodes ${metaKey(request.NodeMetaFilters)}`;
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index: store.maxIndex("nodes"),
      value: queryCacheOf(store).read(key, watch, (noted) =>
        listNodes(store, noted, request.NodeMetaFilters),
      ),
    }));
    const found = passing(value, filter);
    const visible = filtered(caller.authorizer, found, ({ Node: node }) => caller.authorizer.nodeRead(node));
    const order = { source: request.Source, datacenter: server.settings.datacenter };
    return { Nodes: sortByDistance(store, visible, { ...order, nodeOf: (node) => node.Node }), ...meta };
  },
});

const services = endpoint({
  method: methods.catalogServices,
  kind: "read",
  handle: async (server, request, caller) => {
    const { store } = server;
    const filter = rowFilter(request, ServiceNode);
    const key = `services ${metaKey(request.NodeMetaFilters)}`;
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index:
        request.NodeMetaFilters === null ? store.maxIndex("services") : store.maxIndex("services", "nodes"),
      value:
        filter === undefined
          ? queryCacheOf(store).read(key, watch, (noted) =>
              listServices(store, noted, request.NodeMetaFilters),
            )
          : filteredServices({ store, filter }, watch, request.NodeMetaFilters),
    }));
    if (caller.authorizer === allowAll) return { Services: value, ...meta };
    const visible = Object.entries(value).filter(([name]) => caller.authorizer.serviceRead(name));
    return { Services: Object.fromEntries(visible), ...meta };
  },
});

/** Names and tags of the instances that pass; filters are many and rare, so these are not kept. */
function filteredServices(
  { store, filter }: { readonly store: StateStore; readonly filter: (row: ServiceNode) => boolean },
  watch: WatchSet,
  wanted: MetaFilters,
): Readonly<Record<string, readonly string[]>> {
  const tagsByName = new Map<string, Set<string>>();
  for (const instance of listInstances(store, watch)) {
    if (!satisfiesMeta(instance.node.Meta, wanted)) continue;
    const row = toServiceNode(instance);
    if (!filter(row)) continue;
    const tags = tagsByName.get(row.ServiceName) ?? new Set<string>();
    tagsByName.set(row.ServiceName, tags);
    for (const tag of row.ServiceTags ?? []) tags.add(tag);
  }
  const services = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, tags] of tagsByName) services[name] = [...tags];
  return services;
}

const serviceNodes = endpoint({
  method: methods.catalogServiceNodes,
  kind: "read",
  handle: async (server, request, caller) => {
    if (request.ServiceName === "" && request.ServiceAddress === "")
      throw new RpcError("Must provide service name");
    const { authorizer } = caller;
    const filter = rowFilter(request, ServiceNode);
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) =>
      request.ServiceName === ""
        ? nodesAtAddress(server, watch, request)
        : nodesOfService(server, watch, request),
    );
    const visible = filtered(
      authorizer,
      passing(value, filter),
      (row) => authorizer.nodeRead(row.Node) && authorizer.serviceRead(row.ServiceName),
    );
    const order = { source: request.Source, datacenter: server.settings.datacenter };
    return {
      ServiceNodes: sortByDistance(server.store, visible, { ...order, nodeOf: (row) => row.Node }),
      ...meta,
    };
  },
});

interface FoundNodes {
  readonly rows: readonly ServiceNode[];
  readonly instances: readonly Instance[];
}

function nodesOfService(
  { store }: ServerContext,
  watch: WatchSet,
  request: ServiceSpecificRequest,
): ReadResult<readonly ServiceNode[]> {
  const query = instanceQuery(request);
  const key = `service-nodes ${queryKey(request)}`;
  const found = queryCacheOf(store).read<FoundNodes>(key, watch, (noted) => {
    const instances = findInstances(store, noted, { ...query, health: false }).filter(({ node }) =>
      satisfiesMeta(node.Meta, request.NodeMetaFilters),
    );
    return { instances, rows: instances.map(toServiceNode) };
  });
  return { index: instancesIndex(store, found.instances, { ...query, health: false }), value: found.rows };
}

function nodesAtAddress(
  { store }: ServerContext,
  watch: WatchSet,
  { ServiceAddress: address }: ServiceSpecificRequest,
): ReadResult<readonly ServiceNode[]> {
  const rows = instancesAtAddress(store, watch, address).map(toServiceNode);
  return { index: store.maxIndex("services", "nodes", extinctionIndex), value: rows };
}

/** The instances that a request asks for. Agents before 1.3 send one tag in a field of its own. */
export function instanceQuery(request: ServiceSpecificRequest): {
  readonly service: string;
  readonly connect: boolean;
  readonly tags: readonly string[] | undefined;
} {
  const tags = request.ServiceTag === "" ? (request.ServiceTags ?? []) : [request.ServiceTag];
  return {
    service: request.ServiceName,
    connect: request.Connect,
    // Tags are those of a proxy where a service of the mesh is asked for, so they say nothing.
    tags: request.TagFilter && !request.Connect ? tags : undefined,
  };
}

/** Tells apart the reads of service instances. */
export function queryKey(request: ServiceSpecificRequest): string {
  const { service, connect, tags } = instanceQuery(request);
  return `${JSON.stringify([service.toLowerCase(), connect, tags ?? null])} ${metaKey(request.NodeMetaFilters)}`;
}

/** Tells apart what reads want of nodes' metadata. */
export function metaKey(wanted: Readonly<Record<string, string>> | null): string {
  return wanted === null ? "" : JSON.stringify(sortedKeys(wanted).map((key) => [key, wanted[key]]));
}

/** The rows a caller may see: the same array when it may see all. */
export function filtered<T>(
  authorizer: Authorizer,
  rows: readonly T[],
  visible: (row: T) => boolean,
): readonly T[] {
  return authorizer === allowAll ? rows : rows.filter(visible);
}

const servicesOfNode = endpoint({
  method: methods.catalogNodeServices,
  kind: "read",
  handle: async (server, request, caller) => {
    const { value, meta } = await readNode(server, request, caller);
    return { NodeServices: value, ...meta };
  },
  now: (server, request, caller) => {
    const { read, shown } = nodeRead(server, request, caller);
    const found = readNow(request, read, caller.notes);
    return found === undefined ? undefined : { NodeServices: shown(found.value), ...found.meta };
  },
});

const serviceListOfNode = endpoint({
  method: methods.catalogNodeServiceList,
  kind: "read",
  handle: async (server, request, caller) => {
    const { value, meta } = await readNode(server, request, caller);
    const list =
      value === null ? { Node: null, Services: null } : { Node: value.Node, Services: servicesIn(value) };
    return { NodeServices: list, ...meta };
  },
});

type NodeRequest = Parameters<typeof blockingRead>[1] & { readonly Node: string; readonly Filter: string };

async function readNode(
  server: ServerContext,
  request: NodeRequest,
  caller: Caller,
): ReturnType<typeof blockingRead<NodeServices | null>> {
  const { read, shown } = nodeRead(server, request, caller);
  const { value, meta } = await blockingRead({ server, caller }, request, read);
  return { value: shown(value), meta };
}

function nodeRead(
  server: ServerContext,
  request: NodeRequest,
  { authorizer }: Caller,
): {
  readonly read: (watch: WatchSet) => ReadResult<NodeServices | null>;
  /** What of it the caller may see. */
  readonly shown: (found: NodeServices | null) => NodeServices | null;
} {
  if (request.Node === "") throw new RpcError("Must provide node");
  const filter = rowFilter(request, NodeService);
  return {
    read: (watch) => ({
      index: server.store.maxIndex("nodes", "services"),
      value: passingServices(nodeServices(server.store, watch, request.Node), filter),
    }),
    shown: (found) => {
      const node = found?.Node ?? null;
      if (authorizer === allowAll || found === null || node === null) return found;
      if (!authorizer.nodeRead(node.Node)) return null;
      const visible = Object.entries(found.Services ?? {}).filter(([, row]) =>
        authorizer.serviceRead(row.Service),
      );
      return { Node: node, Services: Object.fromEntries(visible) };
    },
  };
}

function passingServices(found: NodeServices | null, filter: RowFilter<NodeService>): NodeServices | null {
  if (found === null || filter === undefined) return found;
  const services = Object.entries(found.Services ?? {}).filter(([, row]) => filter(row));
  return { Node: found.Node, Services: Object.fromEntries(services) };
}

function servicesIn({ Services: byId }: NodeServices): NonNullable<NodeServices["Services"]>[string][] {
  return sortedKeys(byId ?? {}).flatMap((id) => byId?.[id] ?? []);
}

/** No gateway can be bound to services before config entries exist, so the list is empty. */
const gatewayServices = endpoint({
  method: catalogGatewayServices,
  kind: "read",
  handle: async (server, request, caller) => {
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => {
      watch.topic("gateway-services");
      return { index: server.store.maxIndex("gateway-services"), value: [] };
    });
    return { Services: value, ...meta };
  },
});

/** Names are those of this datacenter: the reference does not look at the request's. */
const virtualIp = endpoint({
  method: methods.catalogVirtualIp,
  kind: "read",
  handle: ({ store }, { ServiceName: service }, { authorizer }) => {
    if (!authorizer.serviceRead(service)) return Promise.reject(new PermissionDeniedError());
    return Promise.resolve(virtualIpOf(store, service) ?? "");
  },
});

export const catalogEndpoints: readonly AnyEndpoint[] = [
  register,
  deregister,
  datacenters,
  nodes,
  services,
  serviceNodes,
  servicesOfNode,
  serviceListOfNode,
  gatewayServices,
  virtualIp,
];
