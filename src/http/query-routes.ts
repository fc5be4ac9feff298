/** `/v1/query`: prepared queries. Texts, statuses and headers are the reference's. */
import { preparedQueryCache } from "../wire/rpc/cache-types.ts";
import { displayText } from "../lib/byte-string.ts";
import { DecodeError } from "../lib/errors.ts";
import { quoteGo } from "../lib/go-quote.ts";
import type { RpcMethod } from "../wire/rpc/method.ts";
import {
  preparedQueryApply,
  preparedQueryExecute,
  preparedQueryExplain,
  preparedQueryGet,
  preparedQueryList,
  queryNotFoundText,
} from "../wire/rpc/prepared-query-methods.ts";
import { list, ptr } from "../wire/schema/collections.ts";
import { quoteJson } from "../wire/schema/json-text.ts";
import { fromJsonValue } from "../wire/schema/struct.ts";
import { DCSpecificRequest, QuerySource } from "../wire/structs/common.ts";
import {
  PreparedQuery,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  PreparedQueryExplainResponse,
  QueryDNSOptions,
  QueryFailoverOptions,
  QueryFailoverTarget,
  QueryTemplateOptions,
  ServiceQuery,
} from "../wire/structs/prepared-query.ts";
import { callCached, callServer, sourceOf } from "./discovery.ts";
import { assertKnownFields, type KnownFields } from "./known-fields.ts";
import { readParams, datacenterOf, tokenOf } from "./read-params.ts";
import { jsonResponse, metaHeaders, parseJson, plainResponse, renderJson } from "./respond.ts";
import {
  decodePath,
  HttpError,
  type HttpContext,
  type HttpResponse,
  type Route,
  type RoutedRequest,
} from "./types.ts";

const failoverFields: KnownFields = {
  names: QueryFailoverOptions.fieldNames,
  inside: { Targets: { names: QueryFailoverTarget.fieldNames } },
};
const queryFields: KnownFields = {
  names: PreparedQuery.fieldNames,
  inside: {
    Template: { names: QueryTemplateOptions.fieldNames },
    Service: { names: ServiceQuery.fieldNames, inside: { Failover: failoverFields } },
    DNS: { names: QueryDNSOptions.fieldNames },
  },
};
const bodyBytesMax = 1024 * 1024;
const Queries = list(ptr(PreparedQuery));
const trueTexts = ["1", "t", "T", "true", "TRUE", "True"];
const falseTexts = ["0", "f", "F", "false", "FALSE", "False"];

async function create(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const Query = queryIn(await request.body(bodyBytesMax));
  const id = await apply(request, context, { Op: "create", Query });
  return jsonResponse(request, `{"ID":${quoteJson(id)}}`);
}

async function update(request: RoutedRequest, context: HttpContext, ID: string): Promise<HttpResponse> {
  const body = await request.body(bodyBytesMax);
  const given = body.length === 0 ? PreparedQuery.zero : queryIn(body);
  await apply(request, context, { Op: "update", Query: { ...given, ID } });
  return plainResponse(200, "");
}

async function remove(request: RoutedRequest, context: HttpContext, ID: string): Promise<HttpResponse> {
  await apply(request, context, { Op: "delete", Query: PreparedQuery.make({ ID }) });
  return plainResponse(200, "");
}

function apply(
  request: RoutedRequest,
  context: HttpContext,
  change: { readonly Op: string; readonly Query: PreparedQuery },
): Promise<string> {
  const common = { Datacenter: datacenterOf(request, context), Token: tokenOf(request) };
  return context.rpc.call(preparedQueryApply, { ...common, ...change }, request.signal);
}

/** The query that a body describes. Throws `HttpError` 400. */
function queryIn(body: Uint8Array): PreparedQuery {
  try {
    const json = parseJson(body);
    assertKnownFields(json, queryFields);
    return fromJsonValue(PreparedQuery, json);
  } catch (error) {
    if (error instanceof DecodeError) throw new HttpError(400, `Request decode failed: ${error.message}`);
    throw error;
  }
}

async function all(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = DCSpecificRequest.make(readParams(request, context));
  const reply = await read(request, context, { method: preparedQueryList, args });
  return jsonResponse(request, renderJson(Queries, reply.Queries ?? []), metaHeaders(reply));
}

async function one(request: RoutedRequest, context: HttpContext, QueryID: string): Promise<HttpResponse> {
  const args = { ...readParams(request, context), QueryID };
  const reply = await read(request, context, { method: preparedQueryGet, args });
  return jsonResponse(request, renderJson(Queries, reply.Queries), metaHeaders(reply));
}

async function execute(request: RoutedRequest, context: HttpContext, name: string): Promise<HttpResponse> {
  const args = { ...executeArgs(request, context, name), Connect: connectOf(request) };
  const { reply, cacheHeaders } = args.UseCache
    ? await callCached(request, context, { type: preparedQueryCache, args })
    : { reply: await read(request, context, { method: preparedQueryExecute, args }), cacheHeaders: {} };
  // A reply from another datacenter does not say how it was read.
  const shown = { ...reply, Nodes: reply.Nodes ?? [], ConsistencyLevel: consistencyOf(args) };
  const headers = { ...metaHeaders(shown), ...cacheHeaders };
  return jsonResponse(request, renderJson(PreparedQueryExecuteResponse, shown), headers);
}

async function explain(request: RoutedRequest, context: HttpContext, name: string): Promise<HttpResponse> {
  const args = executeArgs(request, context, name);
  const reply = await read(request, context, { method: preparedQueryExplain, args });
  return jsonResponse(request, renderJson(PreparedQueryExplainResponse, reply), metaHeaders(reply));
}

function consistencyOf({ RequireConsistent, AllowStale }: PreparedQueryExecuteRequest): string {
  if (RequireConsistent) return "consistent";
  return AllowStale ? "stale" : "leader";
}

function executeArgs(
  request: RoutedRequest,
  context: HttpContext,
  QueryIDOrName: string,
): PreparedQueryExecuteRequest {
  return PreparedQueryExecuteRequest.make({
    ...readParams(request, context),
    QueryIDOrName,
    Limit: limitOf(request),
    Source: sourceOf(request, context),
    Agent: QuerySource.make({ Datacenter: context.datacenter, Node: context.nodeName }),
  });
}

function limitOf({ query }: RoutedRequest): number {
  const text = query.get("limit");
  if (text === "") return 0;
  const parsing = `Bad limit: strconv.Atoi: parsing ${quoteGo(text)}`;
  if (!/^[+-]?\d+$/.test(text)) throw new HttpError(500, `${parsing}: invalid syntax`);
  const limit = BigInt(text.replace(/^\+/, ""));
  if (BigInt.asIntN(64, limit) !== limit) throw new HttpError(500, `${parsing}: value out of range`);
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(limit > most ? most : limit < 0n ? 0n : limit);
}

function connectOf({ query }: RoutedRequest): boolean {
  const text = query.get("connect");
  if (text === "" || falseTexts.includes(text)) return false;
  if (trueTexts.includes(text)) return true;
  const parsing = `strconv.ParseBool: parsing ${quoteGo(text)}: invalid syntax`;
  throw new HttpError(500, `Error parsing 'connect' value: ${parsing}`);
}

/** A missing query is 404. */
async function read<Q extends { readonly AllowStale: boolean }, R>(
  request: RoutedRequest,
  context: HttpContext,
  wanted: { readonly method: RpcMethod<Q, R>; readonly args: Q },
): Promise<R> {
  try {
    return await callServer(request, context, wanted);
  } catch (error) {
    const isMissing = error instanceof HttpError && error.message.includes(queryNotFoundText);
    throw isMissing ? new HttpError(404, error.message, error.headers) : error;
  }
}

const onQuery: Readonly<Record<string, typeof one>> = { GET: one, PUT: update, DELETE: remove };

async function specific(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const rest = displayText(decodePath(request.rest));
  // The end is looked for in the whole path: `/v1/query/execute` runs the query of that name.
  const path = `/${rest}`;
  const { method } = request;
  for (const [suffix, run] of [
    ["/execute", execute],
    ["/explain", explain],
  ] as const) {
    if (!path.endsWith(suffix)) continue;
    if (method === "OPTIONS") return optionsResponse(request, "OPTIONS,GET");
    if (method !== "GET") throw notAllowed(method, "GET");
    return run(request, context, rest.endsWith(suffix) ? rest.slice(0, -suffix.length) : rest);
  }
  if (method === "OPTIONS") return optionsResponse(request, "OPTIONS,GET,PUT,DELETE");
  const handle = onQuery[method];
  if (handle === undefined) throw notAllowed(method, "GET,PUT,DELETE");
  return handle(request, context, rest);
}

function optionsResponse(request: RoutedRequest, allow: string): HttpResponse {
  return jsonResponse(request, "{}", { Allow: allow });
}

function notAllowed(method: string, allow: string): HttpError {
  return new HttpError(405, `method ${method} not allowed`, { Allow: allow });
}

export const queryRoutes: readonly Route[] = [
  {
    pattern: "/v1/query",
    methods: ["GET", "POST"],
    handle: async (request, context) =>
      request.method === "POST" ? create(request, context) : all(request, context),
  },
  { pattern: "/v1/query/", methods: [], handle: specific },
];
