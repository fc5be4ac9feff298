/** `/v1/health/…`. Source: the reference's HTTP API. */
import { healthServicesCache } from "../wire/rpc/cache-types.ts";
import type { ByteString } from "../lib/byte-string.ts";
import { list } from "../wire/schema/collections.ts";
import * as methods from "../wire/rpc/methods.ts";
import {
  CheckServiceNode,
  ChecksInStateRequest,
  HealthCheck,
  ServiceSpecificRequest,
  TimedCheckServiceNode,
  TimedHealthCheck,
  type IndexedCheckServiceNodes,
  type IndexedHealthChecks,
} from "../wire/structs/catalog.ts";
import {
  callCached,
  callServer,
  metaFilters,
  nameAfter,
  refusePeer,
  serviceArgs,
  sharedResponse,
  sourceOf,
  type MaybeCached,
} from "./discovery.ts";
import { pageOf, pageResponse, placeOf } from "./paging.ts";
import { readParams } from "./read-params.ts";
import { metaHeaders, renderJson } from "./respond.ts";
import { HttpError, type HttpContext, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

const HealthChecks = list(HealthCheck);
const TimedHealthChecks = list(TimedHealthCheck);
const CheckServiceNodes = list(CheckServiceNode);
const TimedCheckServiceNodes = list(TimedCheckServiceNode);
const trueTexts = ["", "1", "t", "T", "true", "TRUE", "True"];
const falseTexts = ["0", "f", "F", "false", "FALSE", "False"];

type InstanceKind = "service" | "connect" | "ingress";

async function state(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const args = ChecksInStateRequest.make({
    ...params,
    State: nameAfter(request, "Missing check state"),
    NodeMetaFilters: metaFilters(request),
    Source: sourceOf(request, context),
  });
  return checksResponse(
    request,
    await callServer(request, context, { method: methods.healthChecksInState, args }),
  );
}

async function node(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const args = { ...params, Node: nameAfter(request, "Missing node name") };
  return checksResponse(
    request,
    await callServer(request, context, { method: methods.healthNodeChecks, args }),
  );
}

async function checks(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const args = ServiceSpecificRequest.make({
    ...params,
    ServiceName: nameAfter(request, "Missing service name"),
    NodeMetaFilters: metaFilters(request),
    Source: sourceOf(request, context),
  });
  return checksResponse(
    request,
    await callServer(request, context, { method: methods.healthServiceChecks, args }),
  );
}

/** `?timestamps`, an addition of Proconsul, shows when the status of each check last changed. */
function timedVariant({ query }: RoutedRequest): string {
  return query.has("timestamps") ? " timed" : "";
}

function checksJson({ query }: RoutedRequest, rows: readonly HealthCheck[]): string {
  return renderJson(query.has("timestamps") ? TimedHealthChecks : HealthChecks, rows.map(withTags));
}

function instancesJson({ query }: RoutedRequest, rows: readonly CheckServiceNode[]): string {
  return renderJson(
    query.has("timestamps") ? TimedCheckServiceNodes : CheckServiceNodes,
    rows.map(withLists),
  );
}

function checksResponse(request: RoutedRequest, reply: IndexedHealthChecks): HttpResponse {
  const shared = reply.HealthChecks ?? [];
  const page = pageOf(
    request,
    () => shared,
    (check) => placeOf(check.Node, check.CheckID),
  );
  if (page !== undefined) {
    const json = (rows: readonly HealthCheck[]): string => checksJson(request, rows);
    return pageResponse(request, page, { json, more: metaHeaders(reply) });
  }
  return sharedResponse(request, reply, {
    shared,
    variant: `checks${timedVariant(request)}`,
    render: () => checksJson(request, shared),
  });
}

async function instances(
  request: RoutedRequest,
  context: HttpContext,
  kind: InstanceKind,
): Promise<HttpResponse> {
  refusePeer(request);
  const args = {
    ...serviceArgs(request, context),
    Connect: kind === "connect",
    Ingress: kind === "ingress",
  };
  const { reply, cacheHeaders } = await withoutHeaders(() => hotOrCached(request, context, args));
  const passing = passingOnly(request, reply);
  const shared = reply.Nodes ?? [];
  const page = pageOf(request, () => (passing ? shared.filter(passes) : shared), placeOfInstance);
  if (page !== undefined) {
    const json = (rows: readonly CheckServiceNode[]): string => instancesJson(request, rows);
    return pageResponse(request, page, { json, more: { ...metaHeaders(reply), ...cacheHeaders } });
  }
  return sharedResponse(request, reply, {
    shared,
    variant: (passing ? "passing" : "all") + timedVariant(request),
    cacheHeaders,
    render: () => instancesJson(request, passing ? shared.filter(passes) : shared),
  });
}

function placeOfInstance({ Node: owner, Service: service }: CheckServiceNode): ByteString {
  return placeOf(owner?.Node ?? "", service?.Service ?? "", service?.ID ?? "");
}

/** Unlike all other reads, these refuse without headers. */
function withoutHeaders<R>(read: () => Promise<R> | R): Promise<R> | R {
  const plain = (error: unknown): never => {
    throw error instanceof HttpError ? new HttpError(error.status, error.message) : error;
  };
  try {
    const found = read();
    return found instanceof Promise ? found.catch(plain) : found;
  } catch (error) {
    return plain(error);
  }
}

/** Without a cache the reply is at hand more often than not: no turn of the loop is spent on it then. */
function hotOrCached(
  request: RoutedRequest,
  context: HttpContext,
  args: ServiceSpecificRequest,
): Promise<MaybeCached<IndexedCheckServiceNodes>> | MaybeCached<IndexedCheckServiceNodes> {
  if (args.UseCache) return callCached(request, context, { type: healthServicesCache, args });
  const reply = callServer(request, context, { method: methods.healthServiceNodes, args });
  const uncached = (one: IndexedCheckServiceNodes): MaybeCached<IndexedCheckServiceNodes> => ({
    reply: one,
    cacheHeaders: {},
  });
  return reply instanceof Promise ? reply.then(uncached) : uncached(reply);
}

/** Whether `?passing` is on. The reference looks at it after the read, so the refusal has the read's headers. */
function passingOnly({ query }: RoutedRequest, meta: Parameters<typeof metaHeaders>[0]): boolean {
  if (!query.has("passing")) return false;
  const text = query.get("passing");
  if (trueTexts.includes(text)) return true;
  if (falseTexts.includes(text)) return false;
  throw new HttpError(400, "Invalid value for ?passing", metaHeaders(meta));
}

function passes({ Checks: all }: CheckServiceNode): boolean {
  return (all ?? []).every((check) => check.Status === "passing");
}

/** Clients count on lists where the store keeps "none". */
function withLists({ Node: owner, Service: service, Checks: all }: CheckServiceNode): CheckServiceNode {
  return {
    Node: owner,
    Service: service !== null && service.Tags === null ? { ...service, Tags: [] } : service,
    Checks: (all ?? []).map(withTags),
  };
}

function withTags(check: HealthCheck): HealthCheck {
  return check.ServiceTags === null ? { ...check, ServiceTags: [] } : check;
}

function instanceRoute(kind: InstanceKind): Route {
  return {
    pattern: `/v1/health/${kind}/`,
    methods: ["GET"],
    handle: (request, context) => instances(request, context, kind),
  };
}

export const healthRoutes: readonly Route[] = [
  { pattern: "/v1/health/state/", methods: ["GET"], handle: state },
  { pattern: "/v1/health/node/", methods: ["GET"], handle: node },
  { pattern: "/v1/health/checks/", methods: ["GET"], handle: checks },
  instanceRoute("service"),
  instanceRoute("connect"),
  instanceRoute("ingress"),
];
