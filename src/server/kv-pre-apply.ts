/**
 * What the leader checks before a key operation goes into the log.
 *
 * Lock delays are enforced here and never in the state machine: they run on the leader's clock, and
 * servers that judged them on their own would drift apart. Source: the reference's kvsPreApply.
 */
import { displayText } from "../lib/byte-string.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import type { DirEntry } from "../wire/structs/kv.ts";
import type { Caller, ServerContext } from "./context.ts";

/** A key operation by KVS.Apply or in a transaction. */
export interface KvOperation {
  readonly verb: string;
  readonly entry: DirEntry;
}

/** False if a lock is still delayed. Throws `RpcError` or `PermissionDeniedError`. */
export function kvPreApply(server: ServerContext, caller: Caller, { verb, entry }: KvOperation): boolean {
  if (entry.Key === "" && verb !== "delete-tree") throw new RpcError("Must provide key");
  if (!mayRun(caller, { verb, entry })) throw new PermissionDeniedError();
  if (verb !== "lock") return true;
  const leftMs = server.lockDelays.remainingMs(entry.Key);
  if (leftMs <= 0) return true;
  server.log.warn("Rejecting lock of key due to lock-delay", {
    key: displayText(entry.Key),
    left_ms: leftMs,
  });
  return false;
}

/** Reads in transactions are filtered afterwards; checks would tell something by their outcome alone. */
function mayRun({ authorizer }: Caller, { verb, entry }: KvOperation): boolean {
  switch (verb) {
    case "delete-tree":
      return authorizer.keyWritePrefix(entry.Key);
    case "get":
    case "get-tree":
    case "get-or-empty":
      return true;
    case "check-session":
    case "check-index":
      return authorizer.keyRead(entry.Key);
    default:
      return authorizer.keyWrite(entry.Key);
  }
}
