/** Endpoints of health. Source: the reference's Health service; protocol reference, RPC section 8. */
import { hasInstances, satisfiesMeta, instancesIndex } from "../state/catalog-reads.ts";
import { checkServiceNodes, checksInState, nodeChecks, serviceChecks } from "../state/health.ts";
import type { Authorizer } from "../acl/authorizer.ts";
import { RpcError } from "../wire/rpc/method.ts";
import * as methods from "../wire/rpc/methods.ts";
import { CheckServiceNode, HealthCheck, type ServiceSpecificRequest } from "../wire/structs/catalog.ts";
import type { NodeService } from "../wire/structs/service.ts";
import type { WatchSet } from "../state/watch.ts";
import { blockingRead, readNow, type ReadResult } from "./blocking.ts";
import { filtered, instanceQuery, metaKey, queryKey } from "./catalog.ts";
import { endpoint, type AnyEndpoint, type Caller, type ServerContext } from "./context.ts";
import { passing, rowFilter } from "./filter.ts";
import { sortByDistance, type NearSource } from "./near.ts";
import { queryCacheOf } from "./query-cache.ts";

const checksOfState = endpoint({
  method: methods.healthChecksInState,
  kind: "read",
  handle: async (server, request, caller) => {
    const { store } = server;
    const filter = rowFilter(request, HealthCheck);
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index: store.maxIndex("checks"),
      value: queryCacheOf(store).read(
        `state ${JSON.stringify(request.State)} ${metaKey(request.NodeMetaFilters)}`,
        watch,
        (noted) => checksInState(store, noted, { state: request.State, meta: request.NodeMetaFilters }),
      ),
    }));
    return {
      HealthChecks: orderedChecks(server, passing(value, filter), { ...caller, source: request.Source }),
      ...meta,
    };
  },
});

const checksOfNode = endpoint({
  method: methods.healthNodeChecks,
  kind: "read",
  handle: async (server, request, caller) => {
    const { store } = server;
    const filter = rowFilter(request, HealthCheck);
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index: store.maxIndex("checks"),
      value: queryCacheOf(store).read(`node-checks ${request.Node.toLowerCase()}`, watch, (noted) =>
        nodeChecks(store, noted, request.Node),
      ),
    }));
    return { HealthChecks: visibleChecks(caller.authorizer, passing(value, filter)), ...meta };
  },
});

const checksOfService = endpoint({
  method: methods.healthServiceChecks,
  kind: "read",
  handle: async (server, request, caller) => {
    // The reference refuses a tag filter here rather than ignore it.
    if (request.TagFilter) throw new RpcError("Tag filtering is not supported");
    const { store } = server;
    const filter = rowFilter(request, HealthCheck);
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index: store.maxIndex("checks"),
      value: queryCacheOf(store).read(`checks ${queryKey(request)}`, watch, (noted) =>
        serviceChecks(store, noted, { service: request.ServiceName, meta: request.NodeMetaFilters }),
      ),
    }));
    return {
      HealthChecks: orderedChecks(server, passing(value, filter), { ...caller, source: request.Source }),
      ...meta,
    };
  },
});

const serviceNodes = endpoint({
  method: methods.healthServiceNodes,
  kind: "read",
  handle: async (server, request, caller) => {
    const { read, shown } = instancesRead(server, request, caller);
    const { value, meta } = await blockingRead({ server, caller }, request, read);
    return { Nodes: shown(value), ...meta };
  },
  now: (server, request, caller) => {
    const { read, shown } = instancesRead(server, request, caller);
    const found = readNow(request, read, caller.notes);
    return found === undefined ? undefined : { Nodes: shown(found.value), ...found.meta };
  },
});

interface InstancesRead {
  readonly read: (watch: WatchSet) => ReadResult<readonly CheckServiceNode[]>;
  /** What of it the caller may see and asked for, in the order asked for. */
  readonly shown: (all: readonly CheckServiceNode[]) => readonly CheckServiceNode[];
}

function instancesRead(
  server: ServerContext,
  request: ServiceSpecificRequest,
  { authorizer }: Caller,
): InstancesRead {
  if (request.ServiceName === "") throw new RpcError("Must provide service name");
  const filter = rowFilter(request, CheckServiceNode);
  return {
    read: (watch) =>
      request.Ingress ? ingressNodes(server, watch) : healthOfService(server, watch, request),
    shown: (all) => {
      const visible = filtered(
        authorizer,
        passing(all, filter),
        ({ Node: node, Service: service }) =>
          authorizer.nodeRead(node?.Node ?? "") && authorizer.serviceRead(service?.Service ?? ""),
      );
      const order = { source: request.Source, datacenter: server.settings.datacenter };
      const nodeOf = ({ Node: node }: CheckServiceNode): string => node?.Node ?? "";
      return sortByDistance(server.store, visible, { ...order, nodeOf });
    },
  };
}

const noNodes: readonly CheckServiceNode[] = [];

interface Found {
  readonly nodes: readonly CheckServiceNode[];
  readonly rows: readonly { readonly row: NodeService }[];
}

function healthOfService(
  { store }: ServerContext,
  watch: WatchSet,
  request: ServiceSpecificRequest,
): ReadResult<readonly CheckServiceNode[]> {
  const query = instanceQuery(request);
  if (!query.connect && !hasInstances(store, query.service)) {
    // Missing names are many, and found missing at once: they shall not drive out what is kept.
    checkServiceNodes(store, watch, query);
    return { index: instancesIndex(store, [], { ...query, health: true }), value: noNodes };
  }
  const found = queryCacheOf(store).read<Found>(`health ${queryKey(request)}`, watch, (noted) => {
    const nodes = checkServiceNodes(store, noted, query).filter(({ Node: node }) =>
      satisfiesMeta(node?.Meta ?? null, request.NodeMetaFilters),
    );
    return { nodes, rows: nodes.flatMap(({ Service: row }) => (row === null ? [] : [{ row }])) };
  });
  return { index: instancesIndex(store, found.rows, { ...query, health: true }), value: found.nodes };
}

/** No ingress gateway can be bound to a service before config entries exist. */
function ingressNodes({ store }: ServerContext, watch: WatchSet): ReadResult<readonly CheckServiceNode[]> {
  watch.topic("gateway-services");
  return { index: store.maxIndex("gateway-services"), value: [] };
}

function visibleChecks(authorizer: Authorizer, checks: readonly HealthCheck[]): readonly HealthCheck[] {
  return filtered(
    authorizer,
    checks,
    (check) =>
      authorizer.nodeRead(check.Node) &&
      (check.ServiceName === "" || authorizer.serviceRead(check.ServiceName)),
  );
}

function orderedChecks(
  server: ServerContext,
  checks: readonly HealthCheck[],
  { authorizer, source }: { readonly authorizer: Authorizer; readonly source: NearSource },
): readonly HealthCheck[] {
  return sortByDistance(server.store, visibleChecks(authorizer, checks), {
    source,
    datacenter: server.settings.datacenter,
    nodeOf: (check) => check.Node,
  });
}

export const healthEndpoints: readonly AnyEndpoint[] = [
  checksOfState,
  checksOfNode,
  checksOfService,
  serviceNodes,
];
