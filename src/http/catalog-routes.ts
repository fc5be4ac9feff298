/** `/v1/catalog/…`. Source: the reference's HTTP API. */
import { catalogListCache, catalogServiceCache, datacentersCache } from "../wire/rpc/cache-types.ts";
import { list, map } from "../wire/schema/collections.ts";
import { str } from "../wire/schema/scalars.ts";
import * as methods from "../wire/rpc/methods.ts";
import { catalogGatewayServices } from "../wire/rpc/operator-methods.ts";
import {
  Node,
  NodeServiceList,
  NodeServices,
  ServiceNode,
  ServiceSpecificRequest,
} from "../wire/structs/catalog.ts";
import { GatewayService } from "../wire/structs/operator-state.ts";
import type { NodeService } from "../wire/structs/service.ts";
import {
  callCached,
  callServer,
  metaFilters,
  nameAfter,
  serviceArgs,
  sharedResponse,
  sourceOf,
} from "./discovery.ts";
import { deregistrationIn, registrationIn } from "./registration-fields.ts";
import { pageOf, pageResponse, placeOf } from "./paging.ts";
import { readParams, tokenOf } from "./read-params.ts";
import { jsonResponse, metaHeaders, renderJson } from "./respond.ts";
import type { HttpContext, HttpResponse, Route, RoutedRequest } from "./types.ts";

const Nodes = list(Node);
const Services = map(list(str));
const ServiceNodes = list(ServiceNode);
const GatewayServices = list(GatewayService);

async function register(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const body = await registrationIn(request);
  await context.rpc.call(methods.catalogRegister, withDefaults(body, request, context), request.signal);
  return jsonResponse(request, "true");
}

async function deregister(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const body = await deregistrationIn(request);
  const args = withDefaults(body, request, context);
  // The agent first: it would put back what is gone already.
  if (request.query.has("sticky"))
    await context.tellDeregister?.(args, { datacenter: args.Datacenter, token: args.Token });
  await context.rpc.call(methods.catalogDeregister, args, request.signal);
  return jsonResponse(request, "true");
}

function withDefaults<T extends { readonly Datacenter: string }>(
  body: T,
  request: RoutedRequest,
  { datacenter }: HttpContext,
): T {
  return {
    ...body,
    Datacenter: body.Datacenter === "" ? datacenter : body.Datacenter,
    Token: tokenOf(request),
  };
}

async function datacenters(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  // Every datacenter answers for all, so `?dc` means nothing here.
  const { Datacenter: _, ...options } = readParams(request, context);
  const { reply, cacheHeaders } = await callCached(request, context, {
    type: datacentersCache,
    args: options,
  });
  return jsonResponse(request, list(str).json(reply ?? []), cacheHeaders);
}

async function nodes(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = {
    ...readParams(request, context),
    NodeMetaFilters: metaFilters(request),
    Source: sourceOf(request, context),
  };
  const reply = await callServer(request, context, { method: methods.catalogNodes, args });
  const shared = reply.Nodes ?? [];
  const page = pageOf(
    request,
    () => shared,
    ({ Node: name }) => placeOf(name),
  );
  if (page !== undefined) return pageResponse(request, page, { json: Nodes.json, more: metaHeaders(reply) });
  return sharedResponse(request, reply, {
    shared,
    variant: "nodes",
    render: () => renderJson(Nodes, shared),
  });
}

async function services(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = {
    ...readParams(request, context),
    NodeMetaFilters: metaFilters(request),
    Source: sourceOf(request, context),
  };
  const { reply, cacheHeaders } = await callCached(request, context, { type: catalogListCache, args });
  const shared = reply.Services ?? {};
  const page = pageOf(
    request,
    () => Object.entries(shared),
    ([name]) => placeOf(name, name),
  );
  if (page !== undefined) {
    const json = (rows: readonly (readonly [string, readonly string[] | null])[]): string =>
      Services.json(Object.fromEntries(rows));
    return pageResponse(request, page, { json, more: { ...metaHeaders(reply), ...cacheHeaders } });
  }
  return sharedResponse(request, reply, {
    shared,
    variant: "services",
    cacheHeaders,
    render: () => renderJson(Services, shared),
  });
}

async function instances(
  request: RoutedRequest,
  context: HttpContext,
  connect: boolean,
): Promise<HttpResponse> {
  const args = { ...serviceArgs(request, context), Connect: connect };
  const { reply, cacheHeaders } = await callCached(request, context, { type: catalogServiceCache, args });
  const shared = reply.ServiceNodes ?? [];
  const page = pageOf(
    request,
    () => shared,
    (row) => placeOf(row.Node, row.ServiceName, row.ServiceID),
  );
  if (page !== undefined) {
    const json = (rows: readonly ServiceNode[]): string => renderJson(ServiceNodes, rows.map(withLists));
    return pageResponse(request, page, { json, more: { ...metaHeaders(reply), ...cacheHeaders } });
  }
  return sharedResponse(request, reply, {
    shared,
    variant: "instances",
    cacheHeaders,
    render: () => renderJson(ServiceNodes, shared.map(withLists)),
  });
}

/** Clients count on lists and maps where the store keeps "none". */
function withLists(row: ServiceNode): ServiceNode {
  return { ...row, ServiceTags: row.ServiceTags ?? [], ServiceMeta: row.ServiceMeta ?? {} };
}

function withTags(service: NodeService): NodeService {
  return service.Tags === null ? { ...service, Tags: [] } : service;
}

async function node(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const args = { ...params, Node: nameAfter(request, "Missing node name") };
  const reply = await callServer(request, context, { method: methods.catalogNodeServices, args });
  const found = reply.NodeServices;
  const headers = metaHeaders(reply);
  if (found === null) return jsonResponse(request, "null", headers);
  const byId = Object.entries(found.Services ?? {}).map(([id, service]) => [id, withTags(service)] as const);
  return jsonResponse(
    request,
    renderJson(NodeServices, { ...found, Services: Object.fromEntries(byId) }),
    headers,
  );
}

async function nodeServices(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const args = { ...params, Node: nameAfter(request, "Missing node name") };
  const reply = await callServer(request, context, { method: methods.catalogNodeServiceList, args });
  const { Node: owner, Services: rows } = reply.NodeServices;
  // A filter makes a list even of nothing.
  const isNone = rows === null || (rows.length === 0 && args.Filter === "");
  const shown = { Node: owner, Services: isNone ? null : rows.map(withTags) };
  return jsonResponse(request, renderJson(NodeServiceList, shown), metaHeaders(reply));
}

async function gatewayServices(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const args = ServiceSpecificRequest.make({
    ...params,
    ServiceName: nameAfter(request, "Missing gateway name"),
  });
  const reply = await callServer(request, context, { method: catalogGatewayServices, args });
  return jsonResponse(request, renderJson(GatewayServices, reply.Services ?? []), metaHeaders(reply));
}

export const catalogRoutes: readonly Route[] = [
  { pattern: "/v1/catalog/register", methods: ["PUT"], handle: register },
  { pattern: "/v1/catalog/deregister", methods: ["PUT"], handle: deregister },
  { pattern: "/v1/catalog/datacenters", methods: ["GET"], handle: datacenters },
  { pattern: "/v1/catalog/nodes", methods: ["GET"], handle: nodes },
  { pattern: "/v1/catalog/services", methods: ["GET"], handle: services },
  {
    pattern: "/v1/catalog/service/",
    methods: ["GET"],
    handle: (request, context) => instances(request, context, false),
  },
  {
    pattern: "/v1/catalog/connect/",
    methods: ["GET"],
    handle: (request, context) => instances(request, context, true),
  },
  { pattern: "/v1/catalog/node/", methods: ["GET"], handle: node },
  { pattern: "/v1/catalog/node-services/", methods: ["GET"], handle: nodeServices },
  { pattern: "/v1/catalog/gateway-services/", methods: ["GET"], handle: gatewayServices },
];
