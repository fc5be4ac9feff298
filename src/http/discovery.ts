/** What the catalog's and health's handlers share: their parameters, errors with headers, shared renderings. */
import type { CacheableRequest, CacheType } from "../wire/rpc/cache-types.ts";
import { displayText } from "../lib/byte-string.ts";
import { NoLeaderError } from "../lib/consensus.ts";
import { parseIp, renderIp } from "../lib/ip.ts";
import { filterErrorPrefix } from "../wire/filter/filter-error.ts";
import { RpcError, type RpcMethod } from "../wire/rpc/method.ts";
import { ServiceSpecificRequest } from "../wire/structs/catalog.ts";
import { readHeaders } from "./read-headers.ts";
import { renderShared } from "./rendering.ts";
import { datacenterOf, readParams } from "./read-params.ts";
import { indentJson, metaHeaders } from "./respond.ts";
import { decodePath, HttpError, type HttpContext, type HttpResponse, type RoutedRequest } from "./types.ts";

const noReply = { Index: 0, KnownLeader: false, LastContact: 0 };

/** `?node-meta=key:value`, repeatable. */
export function metaFilters({ query }: RoutedRequest): Readonly<Record<string, string>> | null {
  if (!query.has("node-meta")) return null;
  const wanted = Object.create(null) as Record<string, string>;
  for (const pair of query.all("node-meta")) {
    const at = pair.indexOf(":");
    wanted[at < 0 ? pair : pair.slice(0, at)] = at < 0 ? "" : pair.slice(at + 1);
  }
  return wanted;
}

/** Where distances are measured from: `?near=` a node, or `_agent`. */
export function sourceOf(
  request: RoutedRequest,
  context: HttpContext,
): { readonly Datacenter: string; readonly Segment: string; readonly Node: string; readonly Ip: string } {
  const near = request.query.get("near");
  return {
    Datacenter: datacenterOf(request, context),
    Segment: "",
    Node: near === "_agent" ? context.nodeName : near,
    Ip: clientAddress(request),
  };
}

/** What a proxy says of its client goes before the connection's other end. "" if neither is an address. */
function clientAddress(request: RoutedRequest): string {
  const [forwarded = ""] = (request.header("x-forwarded-for") ?? "").split(",");
  const ip = parseIp(forwarded.trim()) ?? parseIp(request.remoteAddress);
  return ip === undefined ? "" : renderIp(ip);
}

/** What a read of one service's instances asks for, whatever the door. Throws `HttpError` 400. */
export function serviceArgs(request: RoutedRequest, context: HttpContext): ServiceSpecificRequest {
  return ServiceSpecificRequest.make({
    ...readParams(request, context),
    ServiceName: nameAfter(request, "Missing service name"),
    NodeMetaFilters: metaFilters(request),
    Source: sourceOf(request, context),
    ...(request.query.has("tag") ? { ServiceTags: request.query.all("tag"), TagFilter: true } : {}),
  });
}

/** Throws `HttpError` 501 for a peer's services: those of this cluster are no answer to that. */
export function refusePeer({ query }: RoutedRequest): void {
  if (query.get("peer") !== "")
    throw new HttpError(501, "Peering is not supported yet by this version of Proconsul");
}

/** The name after a route's prefix. Throws `HttpError` 400 with `missing` if there is none. */
export function nameAfter(request: RoutedRequest, missing: string): string {
  const name = displayText(decodePath(request.rest));
  if (name === "") throw new HttpError(400, missing);
  return name;
}

interface ReadArgs {
  readonly AllowStale?: boolean;
  readonly MaxStaleDuration?: number;
}

/**
 * Calls a server; the reply is at hand where nothing must be waited for. What is staler than the caller takes is read
 * again from the leader. A refusal carries the headers that the reference sends with it.
 */
export function callServer<Q extends ReadArgs, R>(
  request: RoutedRequest,
  context: HttpContext,
  { method, args }: { readonly method: RpcMethod<Q, R>; readonly args: Q },
): Promise<R> | R {
  try {
    const found = ask(request, context, { method, args });
    // What is at hand is the leader's own.
    if (!(found instanceof Promise)) return found;
    return found
      .then((reply) =>
        isTooStale(args, reply) ? ask(request, context, { method, args: fromLeader(args) }) : reply,
      )
      .catch((error: unknown) => {
        throw withHeaders(error);
      });
  } catch (error) {
    throw withHeaders(error);
  }
}

function ask<Q, R>(
  request: RoutedRequest,
  { rpc }: HttpContext,
  { method, args }: { readonly method: RpcMethod<Q, R>; readonly args: Q },
): Promise<R> | R {
  return rpc.callNow?.(method, args) ?? rpc.call(method, args, request.signal);
}

function fromLeader<Q extends ReadArgs>(args: Q): Q {
  return { ...args, AllowStale: false, MaxStaleDuration: 0 };
}

function isTooStale({ AllowStale = false, MaxStaleDuration: mostNs = 0 }: ReadArgs, reply: unknown): boolean {
  if (!AllowStale || mostNs <= 0 || typeof reply !== "object" || reply === null) return false;
  return "LastContact" in reply && Number(reply.LastContact) > mostNs;
}

/** A reply, with the headers that say what the cache had to do with it. */
export interface MaybeCached<R> {
  readonly reply: R;
  readonly cacheHeaders: Readonly<Record<string, string>>;
}

/** Asks the agent's cache where the caller wants that, or else a server. */
export async function callCached<Q extends CacheableRequest, R>(
  request: RoutedRequest,
  context: HttpContext,
  {
    type,
    args,
  }: { readonly type: CacheType<Q, R>; readonly args: NoInfer<Q> & { readonly UseCache: boolean } },
): Promise<MaybeCached<R>> {
  const { cache } = context;
  if (cache === undefined || !args.UseCache) {
    return { reply: await callServer(request, context, { method: type.method, args }), cacheHeaders: {} };
  }
  try {
    const { reply, isHit, ageMs } = await cache.get(type, args, request.signal);
    const seconds = String(Math.round(ageMs / 1000));
    return { reply, cacheHeaders: isHit ? { "X-Cache": "HIT", Age: seconds } : { "X-Cache": "MISS" } };
  } catch (error) {
    throw withHeaders(error);
  }
}

function withHeaders(error: unknown): unknown {
  if (!(error instanceof RpcError || error instanceof NoLeaderError)) return error;
  const status = error.message.startsWith(filterErrorPrefix) ? 400 : 500;
  return new HttpError(status, error.message, readHeaders(noReply));
}

/**
 * The answer to a read. `shared` is the part of the reply that its server hands to everyone who asks the
 * same: its JSON, one text for each `variant`, is rendered once.
 */
export function sharedResponse(
  request: RoutedRequest,
  meta: Parameters<typeof metaHeaders>[0],
  {
    shared,
    variant,
    render,
    cacheHeaders = {},
  }: {
    readonly shared: object;
    readonly variant: string;
    readonly render: () => string;
    /** What the agent's cache has to say of it. */
    readonly cacheHeaders?: Readonly<Record<string, string>>;
  },
): HttpResponse {
  const pretty = request.isPretty;
  const key = pretty ? `${variant} pretty` : variant;
  const { bytes: body } = renderShared(shared, key, () => (pretty ? indentJson(render()) : render()));
  return {
    status: 200,
    headers: { "Content-Type": "application/json", ...metaHeaders(meta), ...cacheHeaders },
    body,
  };
}
