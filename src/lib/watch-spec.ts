/**
 * What a watch watches, read from the parameters that the command line and configuration files give.
 *
 * Parameters are checked as the reference checks them, in its order and its words: first the common ones,
 * then those of the type, and whatever nobody took is refused.
 * Source: https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches; texts measured.
 */
import { ProconsulError } from "./errors.ts";
import { parseGoDurationMs } from "./go-duration.ts";

/** The view of the cluster that a watch follows. "" stands for a parameter that was not given. */
export type WatchSpec =
  | { readonly kind: "key"; readonly key: string; readonly stale: boolean }
  | { readonly kind: "keyprefix"; readonly prefix: string; readonly stale: boolean }
  | { readonly kind: "services"; readonly stale: boolean; readonly filter: string }
  | { readonly kind: "nodes"; readonly stale: boolean; readonly filter: string }
  | {
      readonly kind: "service";
      readonly service: string;
      /** All of them must be there. */
      readonly tags: readonly string[];
      readonly passingOnly: boolean;
      readonly stale: boolean;
      readonly filter: string;
    }
  | {
      readonly kind: "checks";
      /** Checks of this service, or, if "", checks in `state`. */
      readonly service: string;
      readonly state: string;
      readonly stale: boolean;
      readonly filter: string;
    }
  | { readonly kind: "event"; readonly name: string }
  | { readonly kind: "connect_roots" }
  | { readonly kind: "connect_leaf"; readonly service: string }
  | { readonly kind: "agent_service"; readonly serviceId: string };

/** Where an HTTP handler posts what changed. */
export interface HttpHandlerConfig {
  readonly url: string;
  readonly method: string;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly tlsSkipVerify: boolean;
}

/** Parameters by name, as flags or files give them. */
export type WatchParams = Readonly<Record<string, unknown>>;

/** A watch, ready to run. */
export interface Watch {
  readonly spec: WatchSpec;
  /** "" for the agent's own. */
  readonly datacenter: string;
  /** "" for the agent's default token. */
  readonly token: string;
  readonly httpHandler: HttpHandlerConfig | undefined;
  /** The parameters that the caller looks at itself. */
  readonly exempt: WatchParams;
}

/** Parameters that make no watch. */
export class WatchSpecError extends ProconsulError {
  readonly code = "watch-spec";
}

const defaultHttpTimeoutMs = 10_000;

/** Parameters that are still to be taken. */
class Remaining {
  readonly #params: Map<string, unknown>;

  constructor(params: WatchParams) {
    this.#params = new Map(Object.entries(params));
  }

  text(name: string): string {
    const value = this.take(name) ?? "";
    if (typeof value !== "string") throw new WatchSpecError(`Expecting ${name} to be a string`);
    return value;
  }

  flag(name: string): boolean {
    const value = this.take(name) ?? false;
    if (typeof value !== "boolean") throw new WatchSpecError(`Expecting ${name} to be a boolean`);
    return value;
  }

  texts(name: string): readonly string[] {
    const value = this.take(name) ?? [];
    if (typeof value === "string") return [value];
    if (!Array.isArray(value)) throw new WatchSpecError(`Expecting ${name} to be a string or []string`);
    return value.map((item: unknown, at) => {
      if (typeof item === "string") return item;
      throw new WatchSpecError(`Index ${at} of ${name} expected to be string`);
    });
  }

  take(name: string): unknown {
    const value = this.#params.get(name);
    this.#params.delete(name);
    return value;
  }

  names(): readonly string[] {
    return [...this.#params.keys()].sort();
  }
}

/**
 * Reads a watch from its parameters; those named in `exempt` are handed back unread. Throws
 * `WatchSpecError`.
 */
export function parseWatch(params: WatchParams, exempt: readonly string[] = []): Watch {
  const rest = new Remaining(params);
  const datacenter = rest.text("datacenter");
  const token = rest.text("token");
  const type = rest.text("type");
  if (type === "") throw new WatchSpecError("Watch type must be specified");
  const handlerType = rest.text("handler_type");
  const httpHandler = handlerType === "http" ? parseHttpHandler(rest.take("http_handler_config")) : undefined;
  const spec = parseSpec(type, rest);
  const untouched: Record<string, unknown> = {};
  for (const name of exempt) {
    const value = rest.take(name);
    if (value !== undefined) untouched[name] = value;
  }
  const bad = rest.names();
  if (bad.length > 0) throw new WatchSpecError(`Invalid parameters: [${bad.join(" ")}]`);
  return { spec, datacenter, token, httpHandler, exempt: untouched };
}

function needed(value: string, what: string): string {
  if (value === "") throw new WatchSpecError(`Must specify a single ${what} to watch`);
  return value;
}

function parseSpec(type: string, rest: Remaining): WatchSpec {
  switch (type) {
    case "key":
      return { kind: type, stale: rest.flag("stale"), key: needed(rest.text("key"), "key") };
    case "keyprefix":
      return { kind: type, stale: rest.flag("stale"), prefix: needed(rest.text("prefix"), "prefix") };
    case "services":
    case "nodes":
      return { kind: type, stale: rest.flag("stale"), filter: rest.text("filter") };
    case "service":
      return {
        kind: type,
        stale: rest.flag("stale"),
        filter: rest.text("filter"),
        service: needed(rest.text("service"), "service"),
        tags: rest.texts("tag"),
        passingOnly: rest.flag("passingonly"),
      };
    case "checks":
      return parseChecks(rest);
    case "event":
      return { kind: type, name: rest.text("name") };
    case "connect_roots":
      return { kind: type };
    case "connect_leaf":
      return { kind: type, service: rest.text("service") };
    case "agent_service":
      return { kind: type, serviceId: rest.text("service_id") };
    default:
      throw new WatchSpecError(`Unsupported watch type: ${type}`);
  }
}

function parseChecks(rest: Remaining): WatchSpec {
  const stale = rest.flag("stale");
  const service = rest.text("service");
  const state = rest.text("state");
  const filter = rest.text("filter");
  if (service !== "" && state !== "") throw new WatchSpecError("Cannot specify service and state");
  return { kind: "checks", stale, filter, service, state: service === "" && state === "" ? "any" : state };
}

function parseHttpHandler(value: unknown): HttpHandlerConfig {
  if (value === undefined) {
    throw new WatchSpecError("Handler type 'http' requires 'http_handler_config' to be set");
  }
  try {
    return readHttpHandler(value);
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    throw new WatchSpecError(`Failed to parse 'http_handler_config': ${error.message}`);
  }
}

function readHttpHandler(value: unknown): HttpHandlerConfig {
  const fields = new Remaining(lowerCased(toMap(value, "http_handler_config")));
  const url = fields.text("path");
  if (url === "") throw new WatchSpecError("Requires 'path' to be set");
  const method = fields.text("method");
  const timeout = fields.text("timeout");
  return {
    url,
    method: method === "" ? "POST" : method,
    timeoutMs: timeout === "" ? defaultHttpTimeoutMs : handlerTimeoutMs(timeout),
    headers: readHeaders(fields.take("header") ?? {}),
    tlsSkipVerify: fields.flag("tls_skip_verify"),
  };
}

function handlerTimeoutMs(text: string): number {
  try {
    return parseGoDurationMs(text);
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    throw new WatchSpecError(`Failed to parse timeout: ${error.message}`);
  }
}

/** A header with one value may have lost its list on the way: files are folded so. */
function readHeaders(value: unknown): Readonly<Record<string, readonly string[]>> {
  const headers = toMap(value, "header");
  const rest = new Remaining(headers);
  return Object.fromEntries(Object.keys(headers).map((name) => [name, rest.texts(name)]));
}

function toMap(value: unknown, name: string): WatchParams {
  const one: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof one !== "object" || one === null || Array.isArray(one)) {
    throw new WatchSpecError(`Expecting ${name} to be a map`);
  }
  return one as WatchParams;
}

function lowerCased(map: WatchParams): WatchParams {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name.toLowerCase(), value]));
}
