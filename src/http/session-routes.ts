/** `/v1/session/`: sessions. Texts, statuses and headers are the reference's. */
import { displayText } from "../lib/byte-string.ts";
import { DecodeError } from "../lib/errors.ts";
import { parseGoDuration } from "../lib/go-duration.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { sessionApply, sessionGet, sessionList, sessionNode, sessionRenew } from "../wire/rpc/methods.ts";
import type { JsonObject, JsonValue } from "../wire/schema/codec.ts";
import { asObject, list } from "../wire/schema/collections.ts";
import { quoteJson } from "../wire/schema/json-text.ts";
import { Session, type IndexedSessions } from "../wire/structs/session.ts";
import { readHeaders } from "./read-headers.ts";
import { datacenterOf, readParams, tokenOf } from "./read-params.ts";
import { jsonResponse, parseJson } from "./respond.ts";
import {
  decodePath,
  HttpError,
  type HttpContext,
  type HttpResponse,
  type Route,
  type RoutedRequest,
} from "./types.ts";

/** The check that gossip keeps of each node: what a session depends on unless it says otherwise. */
const serfCheckId = "serfHealth";
const lockDelayNsDefault = 15e9;
/** A lock delay given as a number below this is in seconds, else in nanoseconds. */
const lockDelaySecondsMax = 1000;
const bodyBytesMax = 1024 * 1024;
const sessionsJson = list(Session);

async function create(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const body = await request.body(bodyBytesMax);
  const id = await context.rpc.call(sessionApply, {
    Datacenter: datacenterOf(request, context),
    Op: "create",
    Session: givenSession(body, context.nodeName),
    Token: tokenOf(request),
  });
  return jsonResponse(request, `{"ID":${quoteJson(id)}}`);
}

/** The session that a body describes. Throws `HttpError` 400. */
function givenSession(body: Uint8Array, nodeName: string): Session {
  const defaults = Session.make({
    Node: nodeName,
    NodeChecks: [serfCheckId],
    Checks: [serfCheckId],
    LockDelay: lockDelayNsDefault,
    Behavior: "release",
  });
  if (body.length === 0) return withChecks(defaults);
  try {
    const json = parseJson(body);
    return withChecks(json === null ? defaults : merged(defaults, asObject(json, "", "structs.Session")));
  } catch (error) {
    if (error instanceof DecodeError) throw new HttpError(400, `Request decode failed: ${error.message}`);
    throw error;
  }
}

/** Members that the body names replace the defaults; null does so for lists only. */
function merged(defaults: Session, given: JsonObject): Session {
  const rest: Record<string, JsonValue> = {};
  const named = new Set<string>();
  let lockDelay = defaults.LockDelay;
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase();
    if (lower === "lockdelay") lockDelay = value === null ? lockDelay : lockDelayNs(value);
    else if (value !== null || lower.endsWith("checks")) {
      rest[name] = value;
      named.add(lower);
    }
  }
  const parsed = Session.fromJson(rest, "");
  const known = Object.entries(parsed).filter(([name]) => named.has(name.toLowerCase()));
  return { ...defaults, ...(Object.fromEntries(known) as Partial<Session>), LockDelay: lockDelay };
}

function lockDelayNs(value: JsonValue): number {
  if (typeof value === "string") return Number(parseGoDuration(value));
  if (typeof value !== "number" && typeof value !== "bigint") return 0;
  const whole = Math.trunc(Number(value));
  return whole < lockDelaySecondsMax ? whole * 1e9 : whole;
}

/** `Checks` is the older name of `NodeChecks`: whichever was set decides, and an empty one means no checks. */
function withChecks(session: Session): Session {
  const old = session.Checks ?? [];
  if (old.length === 0) return { ...session, NodeChecks: [] };
  if (old.length === 1 && old[0] === serfCheckId) return { ...session, Checks: null };
  return (session.NodeChecks ?? []).length === 0 ? { ...session, Checks: null } : session;
}

async function destroy(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  await context.rpc.call(sessionApply, {
    Datacenter: datacenterOf(request, context),
    Op: "destroy",
    Session: Session.make({ ID: named(request, "Missing session") }),
    Token: tokenOf(request),
  });
  return jsonResponse(request, "true");
}

async function renew(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const id = named(request, "Missing session");
  const { Sessions } = await context.rpc.call(sessionRenew, { ...params, SessionID: id, Session: id });
  if (Sessions === null) throw new HttpError(404, `Session id '${id}' not found`);
  return jsonResponse(request, sessionsJson.json(Sessions));
}

function info(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const id = named(request, "Missing session");
  return answered(
    request,
    context.rpc.call(sessionGet, { ...params, SessionID: id, Session: id }, request.signal),
  );
}

function node(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const Node = named(request, "Missing node name");
  return answered(request, context.rpc.call(sessionNode, { ...params, Node }, request.signal));
}

function all(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  return answered(
    request,
    context.rpc.call(sessionList, { ...params, SessionID: "", Session: "" }, request.signal),
  );
}

/** The reference sends its headers with refusals of these reads too. */
async function answered(request: RoutedRequest, reply: Promise<IndexedSessions>): Promise<HttpResponse> {
  try {
    const found = await reply;
    return jsonResponse(request, sessionsJson.json(found.Sessions ?? []), readHeaders(found));
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    throw new HttpError(500, error.message, readHeaders({ Index: 0, KnownLeader: false, LastContact: 0 }));
  }
}

function named(request: RoutedRequest, missing: string): string {
  if (request.rest === "") throw new HttpError(400, missing);
  return displayText(decodePath(request.rest));
}

/** A handler's early throw becomes a rejection, so that all failures take one way. */
function route(
  pattern: string,
  method: string,
  handle: (request: RoutedRequest, context: HttpContext) => Promise<HttpResponse>,
): Route {
  return { pattern, methods: [method], handle: async (request, context) => handle(request, context) };
}

export const sessionRoutes: readonly Route[] = [
  route("/v1/session/create", "PUT", create),
  route("/v1/session/destroy/", "PUT", destroy),
  route("/v1/session/renew/", "PUT", renew),
  route("/v1/session/info/", "GET", info),
  route("/v1/session/node/", "GET", node),
  route("/v1/session/list", "GET", all),
];
