/**
 * The HTTP door: finds the route, checks the method, runs the handler, turns failures into answers.
 *
 * Statuses, headers and texts are the reference's. Paths are matched undecoded; a path with empty or dot
 * segments is redirected to its clean form, except below `/v1/kv/`, where they are part of the key.
 */
import { NoLeaderError } from "../lib/consensus.ts";
import { BodyTooLargeError, DecodeError, ProconsulError } from "../lib/errors.ts";
import { displayText } from "../lib/byte-string.ts";
import { rateExceededText, tryElsewhereText, tryLaterText } from "../wire/rpc/error-text.ts";
import { PermissionDeniedError } from "../wire/rpc/method.ts";
import type { Clock } from "../lib/clock.ts";
import { measuredRoutes } from "./measured-routes.ts";
import { plainResponse } from "./respond.ts";
import { scopedRoutes } from "./scope-params.ts";
import {
  decodePath,
  HttpError,
  QueryParams,
  type HttpContext,
  type HttpRequest,
  type HttpResponse,
  type Route,
  type RoutedRequest,
} from "./types.ts";
import { writeAccess } from "./write-access.ts";

const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;
const plainAscii = /^[!-$&-~]*$/;
const uncleanPath = /\/\/|\/\.\.?(?:\/|$)/;
const malformedEscape = /%(?![0-9a-fA-F]{2})/;
const kvPrefix = "/v1/kv/";
/** What Go's parser of queries refuses. */
const malformedQuery = /;|%(?![0-9a-fA-F]{2})/;

export interface AppOptions {
  readonly routes: readonly Route[];
  readonly context: HttpContext;
  /** Path prefixes that answer 403. */
  readonly blockedEndpoints: readonly string[];
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** Refuse paths with unprintable characters. */
  readonly unprintableCharFilter: boolean;
  /** Measures how long requests take; absent: they are not measured. */
  readonly clock?: Clock;
  /** Networks that writes may come from; absent or empty: from everywhere. */
  readonly allowWriteFrom?: readonly string[];
  /** What every answer of the API carries and nothing else does. */
  readonly apiHeaders?: Readonly<Record<string, string>>;
  /** Indents JSON whether that is asked for or not, as development agents do. */
  readonly alwaysPretty?: boolean;
  /** Sends browsers on to the web UI. */
  readonly uiPath?: string;
}

/** A door that never throws nor rejects: every failure is an answer. */
export type App = (request: HttpRequest) => Promise<HttpResponse> | HttpResponse;

/** Builds the door. */
export function createApp(options: AppOptions): App {
  const { clock } = options;
  const routes = scopedRoutes(options.routes);
  const table = routeTable(
    clock === undefined ? routes : measuredRoutes(routes, { ...options.context, clock }),
  );
  const checkWrite = writeAccess(options.allowWriteFrom ?? []);
  const headersOf = {
    all: adding(canonical(options.responseHeaders)),
    api: adding(options.apiHeaders ?? {}),
  };
  const setUp: SetUp = { options, table, checkWrite };
  return (request) => {
    const place = placeOf(request, setUp);
    if (!("route" in place)) return headersOf.all(place);
    const whole = (response: HttpResponse): HttpResponse => headersOf.all(headersOf.api(response));
    const failed = (error: unknown): HttpResponse => whole(failure(error, request, options.context));
    try {
      const response = answer(request, place.route, setUp);
      return response instanceof Promise ? response.then(whole, failed) : whole(response);
    } catch (error) {
      return failed(error);
    }
  };
}

interface SetUp {
  readonly options: AppOptions;
  readonly table: RouteTable;
  readonly checkWrite: (request: HttpRequest) => void;
}

/** Adds headers to answers. Values of the handler give way. */
function adding(headers: Readonly<Record<string, string>>): (response: HttpResponse) => HttpResponse {
  if (Object.keys(headers).length === 0) return (response) => response;
  return ({ status, headers: own, body }) => ({ status, headers: { ...own, ...headers }, body });
}

/** Names in Go's spelling, where every part begins with its only capital: there are scripts that compare letters. */
function canonical(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const spell = (name: string): string =>
    name.replace(/[^-]+/g, (part) => part.slice(0, 1).toUpperCase() + part.slice(1).toLowerCase());
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [spell(name), value]));
}

interface RouteTable {
  readonly exact: ReadonlyMap<string, Route>;
  /** Longest first. */
  readonly prefixes: readonly Route[];
}

function routeTable(routes: readonly Route[]): RouteTable {
  const exact = new Map<string, Route>();
  const prefixes: Route[] = [];
  for (const route of routes) {
    if (route.pattern.endsWith("/")) prefixes.push(route);
    else exact.set(route.pattern, route);
  }
  // Keys first: they are the hot path, and no other pattern is a prefix of theirs.
  prefixes.sort(
    (a, b) =>
      Number(b.pattern === kvPrefix) - Number(a.pattern === kvPrefix) || b.pattern.length - a.pattern.length,
  );
  return { exact, prefixes };
}

/** The route of a request, or the answer where there is none. */
function placeOf(request: HttpRequest, { table, options }: SetUp): { readonly route: Route } | HttpResponse {
  const { path } = request;
  // Asks about the server as a whole.
  if (path === "*" && request.method === "OPTIONS") return plainResponse(200, "");
  if (!plainAscii.test(path)) {
    if (malformedEscape.test(path)) return plainResponse(400, "400 Bad Request");
    if (options.unprintableCharFilter && unprintable.test(displayText(decodePath(path))))
      return plainResponse(400, "");
  }
  if (!path.startsWith(kvPrefix) && uncleanPath.test(path)) return redirect(request);
  const route = findRoute(table, path);
  if (route !== undefined) return { route };
  // Below this path there is something: Go's router sends clients on to the slash.
  if (table.prefixes.some(({ pattern }) => pattern === `${path}/`))
    return redirectTo(`${path}/`, request.search);
  return unknownPath(request, options.uiPath);
}

function answer(
  request: HttpRequest,
  route: Route,
  { options, checkWrite }: SetUp,
): Promise<HttpResponse> | HttpResponse {
  const { path, method } = request;
  if (malformedQuery.test(request.search)) return plainResponse(500, "");
  if (options.blockedEndpoints.some((blocked) => path.startsWith(blocked))) {
    return plainResponse(403, "Endpoint is blocked by agent configuration");
  }
  if (route.methods.length > 0 && !route.methods.includes(method)) return otherMethod(method, route);
  checkWrite(request);
  return route.handle(new Routed(request, route, options.alwaysPretty ?? false), options.context);
}

function findRoute({ exact, prefixes }: RouteTable, path: string): Route | undefined {
  return exact.get(path) ?? prefixes.find((route) => path.startsWith(route.pattern));
}

/** The request as its route sees it; a class, so that hot paths pay for what they read only. */
class Routed implements RoutedRequest {
  readonly #request: HttpRequest;
  readonly #alwaysPretty: boolean;
  readonly rest: string;
  #query: QueryParams | undefined;

  constructor(request: HttpRequest, route: Route, alwaysPretty: boolean) {
    this.#request = request;
    this.#alwaysPretty = alwaysPretty;
    this.rest = request.path.slice(route.pattern.length);
  }
  get method(): string {
    return this.#request.method;
  }
  get path(): string {
    return this.#request.path;
  }
  get search(): string {
    return this.#request.search;
  }
  get signal(): AbortSignal {
    return this.#request.signal;
  }
  get remoteAddress(): string {
    return this.#request.remoteAddress;
  }
  get query(): QueryParams {
    const { search } = this.#request;
    return (this.#query ??= search === "" ? QueryParams.none : new QueryParams(search));
  }
  get isPretty(): boolean {
    return this.#alwaysPretty || this.query.has("pretty");
  }
  header(name: string): string | undefined {
    return this.#request.header(name);
  }
  body(bytesMax: number): Promise<Uint8Array> {
    return this.#request.body(bytesMax);
  }
}

function otherMethod(method: string, route: Route): HttpResponse {
  const allow = ["OPTIONS", ...route.methods].join(",");
  if (method === "OPTIONS") return { status: 200, headers: { Allow: allow }, body: "" };
  return plainResponse(405, `method ${method} not allowed`, { Allow: allow });
}

function unknownPath({ path }: HttpRequest, uiPath: string | undefined): HttpResponse {
  if (path === "/") {
    if (uiPath !== undefined) return redirectTo(uiPath, "");
    return plainResponse(
      200,
      "Consul Agent: UI disabled. To enable, set ui_config.enabled=true in the agent configuration and restart.",
    );
  }
  const problem = path.includes("/v1/")
    ? "not a recognized HTTP API endpoint"
    : "if attempting to use the HTTP API, ensure the path starts with '/v1/'";
  return plainResponse(404, `Invalid URL path: ${problem}\n`);
}

function redirect(request: HttpRequest): HttpResponse {
  const kept: string[] = [];
  for (const segment of request.path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const slash = request.path.endsWith("/") && kept.length > 0 ? "/" : "";
  return redirectTo(`/${kept.join("/")}${slash}`, request.search);
}

function redirectTo(path: string, search: string): HttpResponse {
  const target = `${path}${search === "" ? "" : `?${search}`}`;
  const shown = target.replaceAll("&", "&amp;").replaceAll('"', "&#34;").replaceAll("<", "&lt;");
  return {
    status: 301,
    headers: { "Content-Type": "text/html; charset=utf-8", Location: target },
    body: `<a href="${shown}">Moved Permanently</a>.\n\n`,
  };
}

/** By the text, since errors of other servers come as text. */
function failureStatus(text: string): number {
  if (text.includes(rateExceededText) || text.includes(tryElsewhereText)) return 429;
  return text.includes(tryLaterText) ? 503 : 500;
}

/** Status and text of a failure; anything unforeseen is logged, since it is our bug. */
function failure(error: unknown, request: HttpRequest, { log }: HttpContext): HttpResponse {
  if (error instanceof HttpError) return plainResponse(error.status, error.message, error.headers);
  if (error instanceof BodyTooLargeError) return plainResponse(413, error.message);
  if (error instanceof PermissionDeniedError) return plainResponse(403, error.message);
  if (error instanceof DecodeError) return plainResponse(400, `Request decode failed: ${error.message}`);
  if (error instanceof NoLeaderError || error instanceof ProconsulError) {
    log.error("Request error", { method: request.method, path: request.path, error: error.message });
    return plainResponse(failureStatus(error.message), error.message);
  }
  const text = error instanceof Error ? error.message : String(error);
  log.error("Request failed unexpectedly", {
    method: request.method,
    path: request.path,
    error: error instanceof Error ? (error.stack ?? text) : text,
  });
  return plainResponse(500, text);
}
