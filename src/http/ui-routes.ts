/** `/v1/internal/ui/…`: what the web UI reads of nodes and services. Source: the reference's HTTP API. */
import { noLeaderText } from "../lib/consensus.ts";
import {
  internalCatalogOverview,
  internalNodeDump,
  internalNodeInfo,
  internalServiceDump,
} from "../wire/rpc/dump-methods.ts";
import type { RpcMethod } from "../wire/rpc/method.ts";
import { list } from "../wire/schema/collections.ts";
import { DCSpecificRequest, NodeSpecificRequest } from "../wire/structs/common.ts";
import { CatalogSummary, NodeInfo, ServiceDumpRequest } from "../wire/structs/dump.ts";
import { callServer, nameAfter, refusePeer } from "./discovery.ts";
import { readParams } from "./read-params.ts";
import { jsonResponse, plainResponse, renderJson } from "./respond.ts";
import { readHeaders } from "./read-headers.ts";
import { ServiceSummary, summarize } from "./service-summary.ts";
import { HttpError, type HttpContext, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

const NodeInfos = list(NodeInfo);
const ServiceSummaries = list(ServiceSummary);

/** An old answer is better than none where nobody leads. */
async function read<Q extends { readonly AllowStale: boolean }, R>(
  request: RoutedRequest,
  context: HttpContext,
  { method, args }: { readonly method: RpcMethod<Q, R>; readonly args: Q },
): Promise<R> {
  try {
    return await callServer(request, context, { method, args });
  } catch (error) {
    const isLeaderless = error instanceof HttpError && error.message.includes(noLeaderText);
    if (!isLeaderless || args.AllowStale) throw error;
    return callServer(request, context, { method, args: { ...args, AllowStale: true } });
  }
}

async function nodes(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = DCSpecificRequest.make(readParams(request, context));
  const reply = await read(request, context, { method: internalNodeDump, args });
  return jsonResponse(request, renderJson(NodeInfos, (reply.Dump ?? []).map(withLists)), readHeaders(reply));
}

async function node(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const args = NodeSpecificRequest.make({ ...params, Node: nameAfter(request, "Missing node name") });
  const reply = await read(request, context, { method: internalNodeInfo, args });
  const [found] = reply.Dump ?? [];
  if (found === undefined) return plainResponse(404, "");
  return jsonResponse(request, renderJson(NodeInfo, withLists(found)), readHeaders(reply));
}

/** Clients count on lists where a node has nothing. */
function withLists(info: NodeInfo): NodeInfo {
  return { ...info, Services: info.Services ?? [], Checks: info.Checks ?? [] };
}

async function services(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  refusePeer(request);
  const args = ServiceDumpRequest.make(readParams(request, context));
  const reply = await read(request, context, { method: internalServiceDump, args });
  return jsonResponse(
    request,
    renderJson(ServiceSummaries, summarize(reply.Nodes ?? [])),
    readHeaders(reply),
  );
}

async function overview(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = DCSpecificRequest.make(readParams(request, context));
  const reply = await context.rpc.call(internalCatalogOverview, args, request.signal);
  return jsonResponse(request, renderJson(CatalogSummary, reply));
}

export const uiRoutes: readonly Route[] = [
  { pattern: "/v1/internal/ui/nodes", methods: ["GET"], handle: nodes },
  { pattern: "/v1/internal/ui/node/", methods: ["GET"], handle: node },
  { pattern: "/v1/internal/ui/services", methods: ["GET"], handle: services },
  { pattern: "/v1/internal/ui/catalog-overview", methods: ["GET"], handle: overview },
];
