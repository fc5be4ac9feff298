import type { TxnResult } from "../wire/structs/txn.ts";

/** A result with one member set. */
export function txnResult(given: Partial<TxnResult>): TxnResult {
  const { KV = null, Node = null, Service = null, Check = null } = given;
  return { KV, Node, Service, Check };
}
