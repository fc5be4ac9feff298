/**
 * The HTTP door's own request and response: a raw path, lazily read parts, no framework.
 *
 * The path stays undecoded, since a KV key may hold `%2F`, `//` and `..`; `decodePath` gives its bytes.
 */
import type { Agent } from "../agent/agent.ts";
import type { AgentCache } from "../agent/cache.ts";
import { byteString, type ByteString } from "../lib/byte-string.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Rpc } from "../wire/rpc/method.ts";

export interface HttpRequest {
  readonly method: string;
  /** Everything before `?`, undecoded. */
  readonly path: string;
  /** Everything after `?`, undecoded; "" without one. */
  readonly search: string;
  /** Lower-case names. */
  header(name: string): string | undefined;
  /** The whole body. Throws `BodyTooLargeError` above `bytesMax`. */
  body(bytesMax: number): Promise<Uint8Array>;
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal;
  /** Address of the client. */
  readonly remoteAddress: string;
}

export type HttpBody = string | Uint8Array | AsyncIterable<Uint8Array | string>;

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: HttpBody;
}

/** An answer that is an error: the text is the body, as plain text. */
export class HttpError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, text: string, headers: Readonly<Record<string, string>> = {}) {
    super(text);
    this.status = status;
    this.headers = headers;
  }
}

/** What handlers reach besides the request. */
export interface HttpContext {
  readonly rpc: Rpc;
  readonly datacenter: string;
  readonly nodeName: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly kvValueBytesMax: number;
  readonly txnBytesMax: number;
  /** Has the agent of a node drop a registration. Absent: there is no agent to ask. */
  readonly tellDeregister?: Agent["tellDeregister"];
  /** Name of a server of this datacenter that is not Proconsul's, if gossip knows one. */
  readonly foreignServer?: () => string | undefined;
  /** For callers who ask for `?cached`; absent where the configuration forbids it. */
  readonly cache?: Pick<AgentCache, "get">;
  /** `discovery_max_stale`: reads for discovery without a wish may be this stale. Nanoseconds; absent: not at all. */
  readonly discoveryMaxStaleNs?: number;
  /** `disable_coordinates`: there are none to read or to set. */
  readonly coordinatesOff?: boolean;
  /** Users' snapshots; without it `/v1/snapshot` refuses. */
  readonly snapshots?: SnapshotService;
}

/** Saves and restores the whole state as an archive. */
export interface SnapshotService {
  save(request: SnapshotTarget): Promise<{
    readonly archive: Uint8Array;
    readonly index: number;
    readonly knownLeader: boolean;
    readonly lastContactMs: number;
  }>;
  restore(archive: Uint8Array, request: SnapshotTarget): Promise<void>;
}

/** Which datacenter's state, and whether a server that does not lead may give it. */
export interface SnapshotTarget {
  readonly datacenter: string;
  readonly allowStale: boolean;
}

/** Query parameters, decoded; a repeated name keeps all its values in order. */
export class QueryParams {
  readonly #values = new Map<string, string[]>();
  constructor(search: string) {
    if (search === "") return;
    for (const part of search.split("&")) {
      if (part === "") continue;
      const at = part.indexOf("=");
      const name = decodeQuery(at < 0 ? part : part.slice(0, at));
      const value = at < 0 ? "" : decodeQuery(part.slice(at + 1));
      const known = this.#values.get(name);
      if (known === undefined) this.#values.set(name, [value]);
      else known.push(value);
    }
  }
  /** Of a request without any. */
  static readonly none = new QueryParams("");

  has(name: string): boolean {
    return this.#values.has(name);
  }
  /** The first value; "" when the name has none or is absent. */
  get(name: string): string {
    return this.#values.get(name)?.[0] ?? "";
  }
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

function decodeQuery(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced; // A malformed escape stays as it was written.
  }
}

const escape = /%([0-9a-fA-F]{2})/g;
const utf8 = new TextEncoder();

/** The bytes that an undecoded path stands for; malformed escapes stay as written. */
export function decodePath(path: string): ByteString {
  const ascii = /^[\u0000-\u007f]*$/.test(path) ? path : byteString(utf8.encode(path));
  if (!ascii.includes("%")) return ascii as ByteString;
  return ascii.replace(escape, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  ) as ByteString;
}

/** A route: the pattern is a path, or, with a final slash, every path below it (`:rest` is what follows, undecoded). */
export interface Route {
  readonly pattern: string;
  /** Empty: the handler judges methods itself. */
  readonly methods: readonly string[];
  handle(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> | HttpResponse;
}

/** A request with its route's remainder and its parsed query. */
export interface RoutedRequest extends HttpRequest {
  /** What follows the route's pattern, undecoded. */
  readonly rest: string;
  readonly query: QueryParams;
  /** JSON is to be indented. */
  readonly isPretty: boolean;
}
