/** Helpers that handlers share: query options in, JSON and meta headers out, with the reference's texts. */
import { parseDuration } from "../lib/duration.ts";
import { DecodeError } from "../lib/errors.ts";
import type { Codec, Infer, JsonValue } from "../wire/schema/codec.ts";
import type { queryOptions } from "../wire/structs/common.ts";
import { parse as parseLossless } from "lossless-json";
import {
  HttpError,
  type HttpBody,
  type HttpContext,
  type HttpResponse,
  type RoutedRequest,
} from "./types.ts";

/** The QueryOptions of a request, with its datacenter. */
export type ReadParams = { readonly [K in keyof typeof queryOptions]: Infer<(typeof queryOptions)[K]> } & {
  readonly Datacenter: string;
};

/** Parses what every read may carry. Throws `HttpError` 400 with the reference's text. */
export function readParams(request: RoutedRequest, context: HttpContext): ReadParams {
  const { query } = request;
  const stale = query.has("stale");
  const consistent = query.has("consistent");
  if (stale && consistent) {
    throw new HttpError(400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
  }
  return {
    Datacenter: datacenterOf(request, context),
    AllowStale: stale,
    Filter: query.get("filter"),
    MaxAge: 0,
    MaxQueryTime: waitOf(query.get("wait")),
    MaxStaleDuration: durationParam(query.get("max_stale"), "max_stale"),
    MinQueryIndex: indexOf(query.get("index")),
    MustRevalidate: false,
    RequireConsistent: consistent,
    StaleIfError: 0,
    Token: tokenOf(request),
    UseCache: context.cache !== undefined && query.has("cached"),
  };
}

/** The datacenter asked for, or this one's. */
export function datacenterOf(request: RoutedRequest, context: HttpContext): string {
  const given = request.query.get("dc");
  return given === "" ? context.datacenter : given;
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

function indexOf(text: string): number {
  if (text === "") return 0;
  if (!/^\d+$/.test(text)) throw new HttpError(400, "Invalid index");
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

function waitOf(text: string): number {
  if (text === "") return 0;
  const parsed = parseDuration(text);
  if (parsed === undefined) throw new HttpError(400, "Invalid wait time");
  return parsed;
}

function durationParam(text: string, name: string): number {
  if (text === "") return 0;
  const parsed = parseDuration(text);
  if (parsed === undefined) throw new HttpError(400, `Invalid ${name} value ${JSON.stringify(text)}`);
  return parsed;
}

/** The meta headers of a read's reply. */
export function metaHeaders(meta: {
  readonly Index: number;
  readonly KnownLeader: boolean;
  readonly LastContact: number;
  readonly ConsistencyLevel: string;
}): Record<string, string> {
  return {
    "X-Consul-Index": String(meta.Index),
    "X-Consul-KnownLeader": meta.KnownLeader ? "true" : "false",
    "X-Consul-LastContact": String(Math.floor(meta.LastContact / 1e6)),
    "X-Consul-Effective-Consistency": meta.ConsistencyLevel === "" ? "leader" : meta.ConsistencyLevel,
  };
}

/** A JSON answer from rendered text, indented when `?pretty` asks for it. */
export function jsonResponse(
  request: RoutedRequest,
  json: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  const body = request.query.has("pretty") ? indentJson(json) : json;
  return { status: 200, headers: { "Content-Type": "application/json", ...headers }, body };
}

/** An answer without JSON. */
export function plainResponse(
  status: number,
  body: HttpBody,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return {
    status,
    headers: body === "" ? headers : { "Content-Type": "text/plain; charset=utf-8", ...headers },
    body,
  };
}

/** Re-indents JSON text by four blanks, keeping numbers and strings as they are. */
export function indentJson(json: string): string {
  let out = "";
  let depth = 0;
  for (let at = 0; at < json.length; at += 1) {
    const unit = json[at] as string;
    if (unit === '"') {
      const start = at;
      for (at += 1; json[at] !== '"'; at += 1) if (json[at] === "\\") at += 1;
      out += json.slice(start, at + 1);
    } else if (unit === "{" || unit === "[") {
      const close = unit === "{" ? "}" : "]";
      if (json[at + 1] === close) {
        out += unit + close;
        at += 1;
      } else out += `${unit}\n${"    ".repeat((depth += 1))}`;
    } else if (unit === "}" || unit === "]") out += `\n${"    ".repeat((depth -= 1))}${unit}`;
    else if (unit === ",") out += `,\n${"    ".repeat(depth)}`;
    else out += unit === ":" ? ": " : unit;
  }
  return out;
}

/** Parses a JSON body; integers beyond 53 bits stay exact. Throws `DecodeError`. */
export function parseJson(bytes: Uint8Array): JsonValue {
  const text = new TextDecoder().decode(bytes);
  try {
    if (!/\d{16}/.test(text)) return JSON.parse(text) as JsonValue;
    return parseLossless(text, undefined, { parseNumber: exactNumber }) as JsonValue;
  } catch (error) {
    throw new DecodeError(text.trim() === "" ? "EOF" : "invalid JSON", { cause: error });
  }
}

function exactNumber(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** Renders a value with its schema. */
export function renderJson<T>(codec: Codec<T>, value: T): string {
  return codec.json(value);
}
