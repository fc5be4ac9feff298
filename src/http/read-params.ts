/** What every read may carry: datacenter, token, filter, consistency, use of caches, blocking. */
import { parseDuration } from "../lib/duration.ts";
import { quoteGo } from "../lib/go-quote.ts";
import type { Infer } from "../wire/schema/codec.ts";
import type { queryOptions } from "../wire/structs/common.ts";
import { HttpError, type HttpContext, type RoutedRequest } from "./types.ts";

/** The QueryOptions of a request, with its datacenter. */
export type ReadParams = { readonly [K in keyof typeof queryOptions]: Infer<(typeof queryOptions)[K]> } & {
  readonly Datacenter: string;
};

type Consistency = Pick<ReadParams, "AllowStale" | "MaxStaleDuration" | "RequireConsistent" | "UseCache">;
type Caching = Pick<ReadParams, "MaxAge" | "MustRevalidate" | "StaleIfError">;

const secondNs = 1e9;
const uint64Max = (1n << 64n) - 1n;
const notCached: Caching = { MaxAge: 0, MustRevalidate: false, StaleIfError: 0 };

/** Parses what every read may carry. Throws `HttpError` 400 with the reference's text. */
export function readParams(request: RoutedRequest, context: HttpContext): ReadParams {
  const { query } = request;
  // In the reference's order, since the first mistake is the one that is told.
  const consistency = consistencyOf(request, context);
  const caching = cachingOf(request);
  return {
    Datacenter: datacenterOf(request, context),
    Filter: query.get("filter"),
    ...consistency,
    ...caching,
    ...waitParams(request),
    Token: tokenOf(request),
  };
}

/** How long to wait for what. Throws `HttpError` 400. */
export function waitParams({ query }: RoutedRequest): Pick<ReadParams, "MaxQueryTime" | "MinQueryIndex"> {
  return { MaxQueryTime: waitOf(query.get("wait")), MinQueryIndex: indexOf(query.get("index")) };
}

/** The datacenter asked for, or this one's. */
export function datacenterOf({ query }: RoutedRequest, context: HttpContext): string {
  const given = query.get("datacenter");
  const short = given === "" ? query.get("dc") : given;
  return short === "" ? context.datacenter : short;
}

/** The token of a request: query, then header, then bearer. */
export function tokenOf(request: RoutedRequest): string {
  const query = request.query.get("token");
  if (query !== "") return query;
  const header = request.header("x-consul-token");
  if (header !== undefined && header !== "") return header;
  const authorization = request.header("authorization");
  if (authorization === undefined) return "";
  return /^bearer\s+(\S+)\s*$/i.exec(authorization)?.[1] ?? "";
}

/** How fresh the answer must be. Reads for discovery may be stale by default. */
function consistencyOf(
  { query, path }: RoutedRequest,
  { cache, discoveryMaxStaleNs = 0 }: HttpContext,
): Consistency {
  const maxStaleNs = maxStaleOf(query.get("max_stale"));
  const given = {
    AllowStale: query.has("stale") || maxStaleNs > 0,
    MaxStaleDuration: maxStaleNs,
    RequireConsistent: query.has("consistent"),
    UseCache: cache !== undefined && query.has("cached"),
  };
  if (given.RequireConsistent) {
    const other = given.AllowStale ? "stale" : given.UseCache ? "cached" : undefined;
    if (other === undefined) return given;
    throw new HttpError(400, `Cannot specify ?${other} with ?consistent, conflicting semantics.`);
  }
  const isDefault = !given.AllowStale && !given.UseCache && !query.has("leader");
  if (!isDefault || discoveryMaxStaleNs <= 0 || !/^\/v1\/(?:catalog|health)/.test(path)) return given;
  return { ...given, AllowStale: true, MaxStaleDuration: discoveryMaxStaleNs };
}

/** What the caller takes from a cache. A `max-age` of 0 cannot be told from none, so it means to revalidate. */
function cachingOf(request: RoutedRequest): Caching {
  const header = request.header("cache-control") ?? "";
  if (header === "") return notCached;
  let wanted = notCached;
  for (const directive of header.toLowerCase().split(",")) {
    const [name, value] = split(directive.trim());
    if (name === "must-revalidate" && value === undefined) wanted = { ...wanted, MustRevalidate: true };
    if (value === undefined || (name !== "max-age" && name !== "stale-if-error")) continue;
    if (!isInt64(value)) throw new HttpError(400, "Invalid Cache-Control header.");
    const ns = Number(value) * secondNs;
    if (name === "stale-if-error") wanted = { ...wanted, StaleIfError: ns };
    else wanted = { ...wanted, MaxAge: ns, ...(ns === 0 ? { MustRevalidate: true } : {}) };
  }
  return wanted;
}

function isInt64(text: string): boolean {
  if (!/^[+-]?\d+$/.test(text)) return false;
  const value = BigInt(text.replace(/^\+/, ""));
  return BigInt.asIntN(64, value) === value;
}

function split(directive: string): readonly [string, string | undefined] {
  const at = directive.indexOf("=");
  return at < 0 ? [directive, undefined] : [directive.slice(0, at), directive.slice(at + 1)];
}

function indexOf(text: string): number {
  if (text === "") return 0;
  if (!/^\d+$/.test(text) || BigInt(text) > uint64Max) throw new HttpError(400, "Invalid index");
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

function waitOf(text: string): number {
  if (text === "") return 0;
  const parsed = parseDuration(text);
  if (parsed === undefined) throw new HttpError(400, "Invalid wait time");
  return parsed;
}

function maxStaleOf(text: string): number {
  if (text === "") return 0;
  const parsed = parseDuration(text);
  if (parsed === undefined) throw new HttpError(400, `Invalid max_stale value ${quoteGo(text)}`);
  return parsed;
}
