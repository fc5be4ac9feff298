/** `/v1/kv/`: keys and values. Texts, statuses and headers are the reference's. */
import { utf8ByteString, type ByteString } from "../lib/byte-string.ts";
import { list } from "../wire/schema/collections.ts";
import { byteStr } from "../wire/schema/scalars.ts";
import { kvsApply, kvsGet, kvsList, kvsListKeys } from "../wire/rpc/methods.ts";
import { DirEntry, type IndexedDirEntries, type KvOp } from "../wire/structs/kv.ts";
import { checkBodyLength, ttlNs, parseUint, parseUint64, refuseConflicts } from "./kv-params.ts";
import { pageOf, pageResponse } from "./paging.ts";
import { readHeaders } from "./read-headers.ts";
import { renderShared } from "./rendering.ts";
import { datacenterOf, readParams, tokenOf } from "./read-params.ts";
import { indentJson, jsonResponse, plainResponse } from "./respond.ts";
import {
  decodePath,
  HttpError,
  type HttpContext,
  type HttpResponse,
  type Route,
  type RoutedRequest,
} from "./types.ts";

const limitHelp = "https://www.consul.io/docs/agent/config/config-files#kv_max_value_size";
const entriesJson = list(DirEntry);
const keysJson = list(byteStr);
const noBytes = new Uint8Array();
/** Stored values are not ours: browsers must neither guess their type nor run them. */
const rawHeaders = {
  "Content-Type": "text/plain",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "sandbox",
} as const;

function handle(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> | HttpResponse {
  const key = decodePath(request.rest);
  switch (request.method) {
    case "PUT":
      return put(request, context, key);
    case "DELETE":
      return remove(request, context, key);
    default:
      return request.query.has("keys") ? getKeys(request, context, key) : get(request, context, key);
  }
}

function get(
  request: RoutedRequest,
  context: HttpContext,
  key: ByteString,
): Promise<HttpResponse> | HttpResponse {
  const params = readParams(request, context);
  const recurse = request.query.has("recurse");
  if (!recurse && key === "") throw missingKey();
  const method = recurse ? kvsList : kvsGet;
  const args = { ...params, Key: key };
  const found = context.rpc.callNow?.(method, args);
  if (found !== undefined) return entriesResponse(request, found);
  return context.rpc.call(method, args, request.signal).then((reply) => entriesResponse(request, reply));
}

function entriesResponse(request: RoutedRequest, reply: IndexedDirEntries): HttpResponse {
  const recurse = request.query.has("recurse");
  const headers = readHeaders(reply);
  const first = reply.Entries?.[0];
  if (first === undefined) return plainResponse(404, "", headers);
  if (!recurse && request.query.has("raw")) {
    return { status: 200, headers: { ...headers, ...rawHeaders }, body: first.Value ?? noBytes };
  }
  const { Entries: entries } = reply;
  const page = recurse
    ? pageOf(
        request,
        () => entries ?? [],
        ({ Key }) => Key,
      )
    : undefined;
  if (page !== undefined) return pageResponse(request, page, { json: entriesJson.json, more: headers });
  if (!recurse || entries === null) return jsonResponse(request, entriesJson.json(entries), headers);
  // Everyone who asks for an unchanged prefix gets the same list from the server: it is rendered once.
  const pretty = request.isPretty;
  const { bytes } = renderShared(entries, pretty ? "pretty" : "", () => {
    const json = entriesJson.json(entries);
    return pretty ? indentJson(json) : json;
  });
  return { status: 200, headers: { "Content-Type": "application/json", ...headers }, body: bytes };
}

async function getKeys(request: RoutedRequest, context: HttpContext, key: ByteString): Promise<HttpResponse> {
  const { query } = request;
  // The first spelling is an old mistake that clients still make.
  const separator = query.get(query.has("separator") ? "separator" : "seperator");
  const reply = await context.rpc.call(
    kvsListKeys,
    { ...readParams(request, context), Prefix: key, Seperator: utf8ByteString(separator) },
    request.signal,
  );
  const headers = readHeaders(reply);
  const keys = reply.Keys ?? [];
  if (keys.length === 0 && key !== "") return plainResponse(404, "", headers);
  const page = pageOf(
    request,
    () => keys,
    (one) => one,
  );
  if (page !== undefined) return pageResponse(request, page, { json: keysJson.json, more: headers });
  return jsonResponse(request, keysJson.json(keys), headers);
}

async function put(request: RoutedRequest, context: HttpContext, key: ByteString): Promise<HttpResponse> {
  if (key === "") throw missingKey();
  refuseConflicts(request, ["cas", "acquire", "release"]);
  const { query } = request;
  const flags = query.has("flags") ? parseUint64(query.get("flags")) : 0n;
  const cas = query.has("cas") ? parseUint(query.get("cas")) : 0;
  const op: KvOp = query.has("release")
    ? "unlock"
    : query.has("acquire")
      ? "lock"
      : query.has("cas")
        ? "cas"
        : "set";
  const ttl = query.has("ttl") ? ttlNs(query.get("ttl"), context) : 0;
  const session = op === "unlock" ? query.get("release") : query.get("acquire");
  checkBodyLength(request, context.kvValueBytesMax, limitHelp);
  const value = await request.body(context.kvValueBytesMax);
  const applied = await context.rpc.call(kvsApply, {
    Datacenter: datacenterOf(request, context),
    Op: op,
    DirEnt: {
      LockIndex: 0,
      Key: key,
      Flags: flags,
      Value: value.length === 0 ? null : value,
      Session: session,
      CreateIndex: 0,
      ModifyIndex: cas,
      ExpiresAt: 0,
    },
    Token: tokenOf(request),
    TTL: ttl,
  });
  return jsonResponse(request, op === "set" || applied ? "true" : "false");
}

async function remove(request: RoutedRequest, context: HttpContext, key: ByteString): Promise<HttpResponse> {
  refuseConflicts(request, ["recurse", "cas"]);
  const { query } = request;
  const recurse = query.has("recurse");
  if (!recurse && key === "") throw missingKey();
  const cas = query.has("cas") ? parseUint(query.get("cas")) : undefined;
  const op: KvOp = recurse ? "delete-tree" : cas === undefined ? "delete" : "delete-cas";
  const applied = await context.rpc.call(kvsApply, {
    Datacenter: datacenterOf(request, context),
    Op: op,
    DirEnt: DirEntry.make({ Key: key, ModifyIndex: cas ?? 0 }),
    Token: tokenOf(request),
    TTL: 0,
  });
  return jsonResponse(request, op !== "delete-cas" || applied ? "true" : "false");
}

function missingKey(): HttpError {
  return new HttpError(400, "Missing key name");
}

export const kvRoutes: readonly Route[] = [{ pattern: "/v1/kv/", methods: ["GET", "PUT", "DELETE"], handle }];
