/** Endpoints that read the whole catalog, for the web UI. Source: the reference's Internal service. */
import type { Authorizer } from "../acl/authorizer.ts";
import { catalogOverview } from "../state/catalog-overview.ts";
import { nodeDump, serviceDump } from "../state/dumps.ts";
import {
  internalCatalogOverview,
  internalNodeDump,
  internalNodeInfo,
  internalServiceDump,
} from "../wire/rpc/dump-methods.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import { CheckServiceNode } from "../wire/structs/catalog.ts";
import { NodeInfo } from "../wire/structs/dump.ts";
import { blockingRead } from "./blocking.ts";
import { endpoint, type AnyEndpoint } from "./context.ts";
import { passing, rowFilter } from "./filter.ts";

const tables = ["nodes", "services", "checks"] as const;

const infoOfNode = endpoint({
  method: internalNodeInfo,
  kind: "read",
  handle: async (server, request, caller) => {
    if (request.Node === "") throw new RpcError("Must provide node");
    const { store } = server;
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index: store.maxIndex(...tables),
      value: nodeDump(store, watch, request.Node),
    }));
    return { ImportedDump: null, Dump: visibleNodes(value, caller.authorizer), ...meta };
  },
});

const allNodes = endpoint({
  method: internalNodeDump,
  kind: "read",
  handle: async (server, request, caller) => {
    const { store } = server;
    const filter = rowFilter(request, NodeInfo);
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index: store.maxIndex(...tables),
      value: nodeDump(store, watch),
    }));
    return { ImportedDump: null, Dump: visibleNodes(passing(value, filter), caller.authorizer), ...meta };
  },
});

const allServices = endpoint({
  method: internalServiceDump,
  kind: "read",
  handle: async (server, request, caller) => {
    const { store } = server;
    const filter = rowFilter(request, CheckServiceNode);
    const kind = request.UseServiceKind ? request.ServiceKind : undefined;
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index: store.maxIndex(...tables),
      value: serviceDump(store, watch, { kind }),
    }));
    const { authorizer } = caller;
    const shown = passing(value, filter).filter(
      ({ Node: node, Service: service }) =>
        authorizer.nodeRead(node?.Node ?? "") && authorizer.serviceRead(service?.Service ?? ""),
    );
    // No service can be bound to a gateway before there are configuration entries.
    return { ImportedNodes: null, Nodes: shown, Gateways: null, ...meta };
  },
});

const overview = endpoint({
  method: internalCatalogOverview,
  kind: "read",
  handle: ({ store }, _request, { authorizer }) => {
    if (!authorizer.operatorRead()) throw new PermissionDeniedError();
    return Promise.resolve(catalogOverview(store));
  },
});

/** Nodes that may be seen, with what may be seen of them. */
function visibleNodes(nodes: readonly NodeInfo[], authorizer: Authorizer): readonly NodeInfo[] {
  return nodes
    .filter((node) => authorizer.nodeRead(node.Node))
    .map((node) => ({
      ...node,
      Services: (node.Services ?? []).filter(({ Service }) => authorizer.serviceRead(Service)),
      Checks: (node.Checks ?? []).filter(
        ({ ServiceName }) => ServiceName === "" || authorizer.serviceRead(ServiceName),
      ),
    }));
}

export const dumpEndpoints: readonly AnyEndpoint[] = [infoOfNode, allNodes, allServices, overview];
