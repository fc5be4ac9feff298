/**
 * One agent's HTTP API as a call: escape, add who asks and where, send, check the status.
 *
 * The functions for each area (`kv.ts`, `agent.ts`, …) are written on top of `request`. There is no
 * retry: what is safe to repeat, the caller knows.
 */
import { assert } from "../lib/assert.ts";
import { DecodeError } from "../lib/errors.ts";
import { NetworkError } from "../lib/network-error.ts";
import { StatusError, TransportError } from "./errors.ts";
import type { ClientSettings } from "./settings.ts";
import { renderExchangeFailure } from "./transport-text.ts";
import type { HttpEndpoint, HttpReply, HttpTransport } from "./transport.ts";
import { escapePath, renderQuery, type QueryParameters } from "./url.ts";

/** One call. `path` is unescaped and starts with a slash. */
export interface ApiRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly query?: QueryParameters;
  /** Raw bytes, or a stream of them. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** A value to send as JSON; not together with `body`. */
  readonly json?: unknown;
  /** Statuses that are an answer; 200 if absent. */
  readonly accept?: readonly number[];
  readonly signal?: AbortSignal;
}

/** How a read may be answered. */
export interface ReadOptions {
  /** Any server may answer, from data that may lag. */
  readonly stale?: boolean;
  /** The leader makes sure that it still leads before it answers. */
  readonly consistent?: boolean;
  /** Wait until the data is newer than this index; "0" does not wait. */
  readonly index?: string;
  /** How long to wait at most; the agent's default if absent. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/** An accepted reply. */
export interface ApiReply {
  readonly status: number;
  /** `X-Consul-Index`, where the reply has one. */
  readonly index: number | undefined;
  /** The same as text: an index of 64 bits, such as that of events, does not fit a number. */
  readonly indexText: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

const redirectsMax = 10;
const errorBodyBytesMax = 1024 * 1024;
const decoder = new TextDecoder();

/** All bytes of a body. Fails with `DecodeError` beyond `bytesMax`. */
export async function readAll(
  body: AsyncIterable<Uint8Array>,
  bytesMax = Number.MAX_SAFE_INTEGER,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytesMax) throw new DecodeError(`the reply is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** A body as text, read as UTF-8. */
export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  return decoder.decode(await readAll(body));
}

/** A body as JSON. Fails with `DecodeError`. The caller names the shape it was promised. */
export async function readJson(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const text = await readText(body);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DecodeError(`failed to decode the agent's reply: ${why}`, { cause });
  }
}

/** Calls one agent. */
export class HttpClient {
  readonly #transport: HttpTransport;
  readonly #settings: ClientSettings;

  constructor(transport: HttpTransport, settings: ClientSettings) {
    this.#transport = transport;
    this.#settings = settings;
  }

  /** Sends one request. Rejects with `TransportError`, or `StatusError` for a status not accepted. */
  async request(request: ApiRequest): Promise<ApiReply> {
    assert(request.body === undefined || request.json === undefined, "a request has one kind of body");
    let target = this.#target(request);
    let reply = await this.#exchange(request, target);
    for (let hops = 0; hops < redirectsMax; hops += 1) {
      const next = redirectTarget(request, reply);
      if (next === undefined) break;
      await readAll(reply.body, errorBodyBytesMax);
      target = next;
      reply = await this.#exchange(request, target);
    }
    if (!(request.accept ?? [200]).includes(reply.status)) {
      const text = decoder.decode(await readAll(reply.body, errorBodyBytesMax)).trim();
      throw new StatusError(reply.status, text);
    }
    const indexText = indexOf(reply);
    return {
      status: reply.status,
      index: indexText === undefined ? undefined : Number(indexText),
      indexText,
      body: this.#watched(reply.body),
    };
  }

  /** Sends one request and reads the reply as JSON. */
  async json(request: ApiRequest): Promise<unknown> {
    return readJson((await this.request(request)).body);
  }

  /** Sends one request and reads the reply to its end, whatever it says. */
  async send(request: ApiRequest): Promise<string> {
    return readText((await this.request(request)).body);
  }

  async #exchange(request: ApiRequest, target: string): Promise<HttpReply> {
    const body =
      request.json === undefined
        ? request.body
        : new TextEncoder().encode(`${JSON.stringify(request.json)}\n`);
    try {
      return await this.#transport.send({
        method: request.method,
        target,
        headers: this.#headers(request),
        body,
        signal: request.signal,
      });
    } catch (cause) {
      if (!(cause instanceof NetworkError)) throw cause;
      const verb = request.method[0] + request.method.slice(1).toLowerCase();
      const why = renderExchangeFailure(this.#settings.endpoint, cause);
      throw new TransportError(`${verb} ${JSON.stringify(this.#url(target))}: ${why}`, { cause });
    }
  }

  /** The body, whose breaking off is told in the client's words. */
  async *#watched(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (cause) {
      if (!(cause instanceof NetworkError)) throw cause;
      throw new TransportError(renderExchangeFailure(this.#settings.endpoint, cause), { cause });
    }
  }

  #target(request: ApiRequest): string {
    const { datacenter, namespace, partition, pathPrefix } = this.#settings;
    const query = renderQuery({ dc: datacenter, ns: namespace, partition, ...request.query });
    const path = escapePath(pathPrefix + request.path);
    return query === "" ? path : `${path}?${query}`;
  }

  #headers(request: ApiRequest): Readonly<Record<string, string>> {
    const headers: Record<string, string> = { "Accept-Encoding": "identity" };
    const { endpoint, token, basicAuth } = this.#settings;
    headers["Host"] = authorityOf(endpoint);
    if (token !== "") headers["X-Consul-Token"] = token;
    if (basicAuth !== undefined) {
      const bytes = new TextEncoder().encode(`${basicAuth.user}:${basicAuth.password}`);
      headers["Authorization"] = `Basic ${btoa(String.fromCharCode(...bytes))}`;
    }
    if (request.json !== undefined) headers["Content-Type"] = "application/json";
    if (request.body !== undefined) headers["Content-Type"] = "application/octet-stream";
    return headers;
  }

  #url(target: string): string {
    const { endpoint } = this.#settings;
    return `${endpoint.secure ? "https" : "http"}://${authorityOf(endpoint)}${target}`;
  }
}

/** What stands for the server in URLs. Source: the reference's client puts a relative path of a socket there. */
function authorityOf(endpoint: HttpEndpoint): string {
  if (endpoint.kind === "tcp") return endpoint.authority;
  return endpoint.path.startsWith("/") ? "localhost" : endpoint.path;
}

/**
 * Where a redirect within the agent leads; `undefined` if there is none that may be followed. An agent
 * of the reference sends one for a path with `//` or `..`, and its own client follows it.
 */
function redirectTarget(request: ApiRequest, reply: HttpReply): string | undefined {
  const keepsMethod = reply.status === 307 || reply.status === 308;
  const movesReads = reply.status === 301 || reply.status === 302 || reply.status === 303;
  if (!keepsMethod && !(movesReads && request.method === "GET")) return undefined;
  const isStream = request.body !== undefined && !(request.body instanceof Uint8Array);
  const location = reply.header("location") ?? "";
  // A token must not follow to another host, nor can a stream be sent twice.
  return isStream || !/^\/(?!\/)/u.test(location) ? undefined : location;
}

function indexOf(reply: HttpReply): string | undefined {
  const text = reply.header("x-consul-index");
  return text !== undefined && /^\d+$/u.test(text) ? text : undefined;
}

/** The query parameters of `options`. */
export function readQuery(options: ReadOptions): QueryParameters {
  const { stale, consistent, index, waitMs } = options;
  return {
    stale: stale === true ? "" : undefined,
    consistent: consistent === true ? "" : undefined,
    index: index === "0" ? undefined : index,
    wait: waitMs === undefined ? undefined : `${Math.max(1, Math.floor(waitMs))}ms`,
  };
}

/** The fields of `options` that go into the request itself. */
export function readRequest(options: ReadOptions): { readonly signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal };
}
