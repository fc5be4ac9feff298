/** The endpoints of sessions. Source: the reference's session_endpoint.go. */
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import { DecodeError } from "../lib/errors.ts";
import { parseGoDuration, renderGoDurationMs } from "../lib/go-duration.ts";
import { quoteGo } from "../lib/go-quote.ts";
import { Refusal } from "../state/refusal.ts";
import {
  nodeSessions,
  sessionGet,
  sessionList,
  sessionMaxIndex,
  type SessionListing,
} from "../state/session.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import {
  sessionApply,
  sessionGet as getMethod,
  sessionList as listMethod,
  sessionNode,
  sessionRenew,
} from "../wire/rpc/methods.ts";
import type { NodeSpecificRequest } from "../wire/structs/common.ts";
import {
  SessionRequest,
  type IndexedSessions,
  type Session,
  type SessionSpecificRequest,
} from "../wire/structs/session.ts";
import { blockingRead } from "./blocking.ts";
import { endpoint, type AnyEndpoint, type Caller, type ServerContext } from "./context.ts";
import { proposeCommand } from "./propose.ts";
import { unlessRefused } from "./refused.ts";

/** The longest lease. */
const ttlMsMax = 24 * 3600e3;

/** The new session's id; "" for one that is destroyed. */
async function apply(server: ServerContext, request: SessionRequest, caller: Caller): Promise<string> {
  const startMs = server.clock.monotonicMs();
  if (!checkedOperation(server, request, caller)) return "";
  const ttlMs = checkedTtlMs(server, request.Session.TTL);
  const Session = {
    ...request.Session,
    Behavior: checkedBehavior(request.Session.Behavior),
    ID: request.Op === "create" ? freshId(server) : request.Session.ID,
  };
  const logged: SessionRequest = { ...request, Session, Token: "" };
  const bytes = encodeCommand(commandType.session, SessionRequest, logged);
  const answer = unlessRefused((await proposeCommand(server, bytes, logged)) as string | Refusal | undefined);
  if (request.Op === "destroy") server.sessionTimers.forget(Session.ID.toLowerCase());
  else if (ttlMs > 0) server.sessionTimers.renew(Session.ID, ttlMs);
  server.metrics.timer("session.apply", server.clock.monotonicMs() - startMs);
  return answer ?? "";
}

/** False if there is nothing to do: the session to destroy is gone. */
function checkedOperation(
  server: ServerContext,
  { Op, Session }: SessionRequest,
  { authorizer }: Caller,
): boolean {
  switch (Op) {
    case "destroy": {
      if (Session.ID === "") throw new RpcError("Must provide ID");
      const existing = unlessRefused(sessionGet(server.store, Session.ID));
      if (existing !== undefined && !authorizer.sessionWrite(existing.Node))
        throw new PermissionDeniedError();
      return existing !== undefined;
    }
    case "create":
      if (Session.Node === "") throw new RpcError("Must provide Node");
      if (!authorizer.sessionWrite(Session.Node)) throw new PermissionDeniedError();
      return true;
    default:
      throw new RpcError(`Invalid session operation ${quoteGo(Op)}`);
  }
}

function checkedBehavior(behavior: string): string {
  if (behavior === "") return "release";
  if (behavior !== "release" && behavior !== "delete")
    throw new RpcError(`Invalid Behavior setting '${behavior}'`);
  return behavior;
}

/** 0 for a session without a lease. */
function checkedTtlMs(server: ServerContext, ttl: string): number {
  if (ttl === "") return 0;
  const ns = ttlNs(ttl);
  const ms = Number(ns) / 1e6;
  const { sessionTtlMinMs } = server.settings;
  if (ns !== 0n && (ms < sessionTtlMinMs || ms > ttlMsMax)) {
    const bounds = `${renderGoDurationMs(sessionTtlMinMs)}=${renderGoDurationMs(ttlMsMax)}`;
    throw new RpcError(`Invalid Session TTL '${ns}', must be between [${bounds}]`);
  }
  return ms;
}

function ttlNs(ttl: string): bigint {
  try {
    return parseGoDuration(ttl);
  } catch (error) {
    if (error instanceof DecodeError) throw new RpcError(`Session TTL '${ttl}' invalid: ${error.message}`);
    throw error;
  }
}

function freshId(server: ServerContext): string {
  for (;;) {
    const id = server.uuid();
    if (sessionGet(server.store, id) === undefined) return id;
  }
}

async function get(
  server: ServerContext,
  request: SessionSpecificRequest,
  caller: Caller,
): Promise<IndexedSessions> {
  const { value, meta } = await blockingRead({ server, caller }, request, (watch) => {
    const session = unlessRefused(sessionGet(server.store, idOf(request), watch));
    const seen = session !== undefined && caller.authorizer.sessionRead(session.Node);
    return { index: sessionMaxIndex(server.store), value: seen ? [session] : null };
  });
  return { Sessions: value, ...meta };
}

async function list(
  server: ServerContext,
  request: SessionSpecificRequest,
  caller: Caller,
): Promise<IndexedSessions> {
  const { value, meta } = await blockingRead({ server, caller }, request, (watch) =>
    readable(sessionList(server.store, watch), caller),
  );
  return { Sessions: value, ...meta };
}

async function ofNode(
  server: ServerContext,
  request: NodeSpecificRequest,
  caller: Caller,
): Promise<IndexedSessions> {
  const { value, meta } = await blockingRead({ server, caller }, request, (watch) =>
    readable(nodeSessions(server.store, request.Node, watch), caller),
  );
  return { Sessions: value, ...meta };
}

/** Restarts the session's lease; no sessions if it is gone. */
async function renew(
  server: ServerContext,
  request: SessionSpecificRequest,
  caller: Caller,
): Promise<IndexedSessions> {
  const startMs = server.clock.monotonicMs();
  const session = unlessRefused(sessionGet(server.store, idOf(request)));
  if (session !== undefined) {
    if (!caller.authorizer.sessionWrite(session.Node)) throw new PermissionDeniedError();
    const ttlMs = session.TTL === "" ? 0 : Number(ttlNs(session.TTL)) / 1e6;
    if (ttlMs > 0) server.sessionTimers.renew(session.ID, ttlMs);
  }
  server.metrics.timer("session.renew", server.clock.monotonicMs() - startMs);
  return {
    Sessions: session === undefined ? null : [session],
    Index: sessionMaxIndex(server.store),
    KnownLeader: false,
    LastContact: 0,
    ConsistencyLevel: "",
  };
}

/** Older clients name the session in another field. */
function idOf({ SessionID, Session }: SessionSpecificRequest): string {
  return SessionID === "" ? Session : SessionID;
}

function readable(
  { index, sessions }: SessionListing,
  { authorizer }: Caller,
): { readonly index: number; readonly value: readonly Session[] | null } {
  const seen = sessions.filter((session) => authorizer.sessionRead(session.Node));
  return { index, value: seen.length === 0 ? null : seen };
}

export const sessionEndpoints: readonly AnyEndpoint[] = [
  endpoint({ method: sessionApply, kind: "write", handle: apply }),
  endpoint({ method: getMethod, kind: "read", handle: get }),
  endpoint({ method: listMethod, kind: "read", handle: list }),
  endpoint({ method: sessionNode, kind: "read", handle: ofNode }),
  endpoint({ method: sessionRenew, kind: "write", handle: renew }),
];
