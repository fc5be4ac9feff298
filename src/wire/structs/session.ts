/** Session structs. Source: protocol reference, RPC section 9. */
import type { Infer } from "../schema/codec.ts";
import { list } from "../schema/collections.ts";
import { durationNs, str } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { queryMeta, queryOptions, raftIndex } from "./common.ts";

export const ServiceCheck = struct("ServiceCheck", { ID: str, Namespace: str });
export type ServiceCheck = Infer<typeof ServiceCheck>;

/** A session: its checks, its locks' behaviour and its lease. LockDelay in nanoseconds, TTL as text. */
export const Session = struct("Session", {
  ID: str,
  Name: str,
  Node: str,
  LockDelay: durationNs,
  Behavior: str,
  TTL: str,
  NodeChecks: list(str),
  ServiceChecks: list(ServiceCheck),
  Checks: field(list(str), { omitEmptyJson: true }),
  ...raftIndex,
});
export type Session = Infer<typeof Session>;

/** Argument of Session.Apply and body of log command 3. Op: create, destroy. */
export const SessionRequest = struct("SessionRequest", { Datacenter: str, Op: str, Session, Token: str });
export type SessionRequest = Infer<typeof SessionRequest>;

export const SessionSpecificRequest = struct("SessionSpecificRequest", {
  Datacenter: str,
  SessionID: str,
  /** Older servers read this one. */
  Session: str,
  ...queryOptions,
});
export type SessionSpecificRequest = Infer<typeof SessionSpecificRequest>;

export const IndexedSessions = struct("IndexedSessions", { Sessions: list(Session), ...queryMeta });
export type IndexedSessions = Infer<typeof IndexedSessions>;
