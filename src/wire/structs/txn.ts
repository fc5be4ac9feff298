/** Transactions over keys, nodes, services, checks and sessions. Source: protocol reference, RPC section 9. */
import type { Infer } from "../schema/codec.ts";
import { any, list, ptr } from "../schema/collections.ts";
import { int, str } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { HealthCheck, Node } from "./catalog.ts";
import { queryMeta, queryOptions } from "./common.ts";
import { DirEntry } from "./kv.ts";
import { NodeService } from "./service.ts";
import { Session } from "./session.ts";

const emptyJson = { omitEmptyJson: true } as const;

export const TxnKVOp = struct("TxnKVOp", { Verb: str, DirEnt: DirEntry });
export type TxnKVOp = Infer<typeof TxnKVOp>;
export const TxnNodeOp = struct("TxnNodeOp", { Verb: str, Node });
export const TxnServiceOp = struct("TxnServiceOp", { Verb: str, Node: str, Service: NodeService });
export const TxnCheckOp = struct("TxnCheckOp", { Verb: str, Check: HealthCheck });
export const TxnSessionOp = struct("TxnSessionOp", { Verb: str, Session });

/** One operation: exactly one member is set. */
export const TxnOp = struct("TxnOp", {
  /** Legacy intentions: kept as sent, so that a peer's entry survives; never applied. */
  Intention: field(any, { json: null }),
  KV: ptr(TxnKVOp),
  Node: ptr(TxnNodeOp),
  Service: ptr(TxnServiceOp),
  Check: ptr(TxnCheckOp),
  Session: ptr(TxnSessionOp),
});
export type TxnOp = Infer<typeof TxnOp>;

/** Argument of Txn.Apply and body of log command 8. */
export const TxnRequest = struct("TxnRequest", { Datacenter: str, Ops: list(TxnOp), Token: str });
export type TxnRequest = Infer<typeof TxnRequest>;

export const TxnReadRequest = struct("TxnReadRequest", {
  Datacenter: str,
  Ops: list(TxnOp),
  ...queryOptions,
});
export type TxnReadRequest = Infer<typeof TxnReadRequest>;

export const TxnError = struct("TxnError", { OpIndex: int, What: str });
export type TxnError = Infer<typeof TxnError>;

export const TxnResult = struct("TxnResult", {
  KV: field(ptr(DirEntry), emptyJson),
  Node: field(ptr(Node), emptyJson),
  Service: field(ptr(NodeService), emptyJson),
  Check: field(ptr(HealthCheck), emptyJson),
});
export type TxnResult = Infer<typeof TxnResult>;

export const TxnResponse = struct("TxnResponse", { Results: list(TxnResult), Errors: list(TxnError) });
export type TxnResponse = Infer<typeof TxnResponse>;

export const TxnReadResponse = struct("TxnReadResponse", {
  Results: list(TxnResult),
  Errors: list(TxnError),
  ...queryMeta,
});
export type TxnReadResponse = Infer<typeof TxnReadResponse>;
