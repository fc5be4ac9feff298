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

const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;
const plainAscii = /^[!-$&-~]*$/;
const uncleanPath = /\/\/|\/\.\.?(?:\/|$)/;
const malformedEscape = /%(?![0-9a-fA-F]{2})/;
const kvPrefix = "/v1/kv/";

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
}

/** A door that never throws nor rejects: every failure is an answer. */
export type App = (request: HttpRequest) => Promise<HttpResponse> | HttpResponse;

/** Builds the door. */
export function createApp(options: AppOptions): App {
  const { clock, routes } = options;
  const table = routeTable(
    clock === undefined ? routes : measuredRoutes(routes, { ...options.context, clock }),
  );
  const { responseHeaders, context } = options;
  const hasHeaders = Object.keys(responseHeaders).length > 0;
  const whole = (response: HttpResponse): HttpResponse =>
    hasHeaders ? { ...response, headers: { ...response.headers, ...responseHeaders } } : response;
  return (request) => {
    try {
      const response = answer(request, table, options);
      if (!(response instanceof Promise)) return whole(response);
      const failed = (error: unknown): HttpResponse => failure(error, request, context);
      return hasHeaders ? response.then(whole).catch(failed) : response.catch(failed);
    } catch (error) {
      return failure(error, request, context);
    }
  };
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

function answer(
  request: HttpRequest,
  table: RouteTable,
  options: AppOptions,
): Promise<HttpResponse> | HttpResponse {
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
  if (route === undefined) {
    // Below this path there is something: Go's router sends clients on to the slash.
    if (table.prefixes.some(({ pattern }) => pattern === `${path}/`))
      return redirectTo(`${path}/`, request.search);
    return unknownPath(request);
  }
  if (options.blockedEndpoints.some((blocked) => path.startsWith(blocked))) {
    return plainResponse(403, "Endpoint is blocked by agent configuration");
  }
  const { method } = request;
  if (!route.methods.includes(method)) return otherMethod(method, route);
  return route.handle(routed(request, route), options.context);
}

function findRoute({ exact, prefixes }: RouteTable, path: string): Route | undefined {
  return exact.get(path) ?? prefixes.find((route) => path.startsWith(route.pattern));
}

/** The request as its route sees it; a class, so that hot paths pay for what they read only. */
class Routed implements RoutedRequest {
  readonly #request: HttpRequest;
  readonly rest: string;
  #query: QueryParams | undefined;

  constructor(request: HttpRequest, rest: string) {
    this.#request = request;
    this.rest = rest;
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
  header(name: string): string | undefined {
    return this.#request.header(name);
  }
  body(bytesMax: number): Promise<Uint8Array> {
    return this.#request.body(bytesMax);
  }
}

function routed(request: HttpRequest, route: Route): RoutedRequest {
  return new Routed(request, request.path.slice(route.pattern.length));
}

function otherMethod(method: string, route: Route): HttpResponse {
  const allow = ["OPTIONS", ...route.methods].join(",");
  if (method === "OPTIONS") return { status: 200, headers: { Allow: allow }, body: "" };
  return plainResponse(405, `method ${method} not allowed`, { Allow: allow });
}

function unknownPath(request: HttpRequest): HttpResponse {
  if (request.path === "/") return { status: 301, headers: { Location: "/ui/" }, body: "" };
  return plainResponse(404, "Invalid URL path: not a recognized HTTP API endpoint");
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
