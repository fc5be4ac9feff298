/** Key/value structs. Source: protocol reference, RPC section 9. */
import type { Infer } from "../schema/codec.ts";
import { list } from "../schema/collections.ts";
import { bytes, byteStr, durationNs, str, u64, uint } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { instantMs } from "../schema/time.ts";
import { queryMeta, queryOptions, raftIndex } from "./common.ts";

/**
 * One key with its value, lock and indexes. `ExpiresAt`, an addition of Proconsul: when it is deleted, in calendar
 * milliseconds; 0, and then nowhere to be seen, for never. Servers of the reference pass over it.
 */
export const DirEntry = struct("DirEntry", {
  LockIndex: uint,
  Key: byteStr,
  Flags: u64,
  Value: bytes,
  Session: field(str, { omitEmptyJson: true }),
  ...raftIndex,
  ExpiresAt: field(instantMs, { omitEmptyJson: true, omitEmptyWire: true, selectable: false }),
});
export type DirEntry = Infer<typeof DirEntry>;

/** Operations of KVS.Apply. */
export type KvOp = "set" | "delete" | "delete-cas" | "delete-tree" | "cas" | "lock" | "unlock";
/** The verbs that change something; no others need the log. */
export const kvWriteVerbs: ReadonlySet<string> = new Set<KvOp>([
  "set",
  "delete",
  "delete-cas",
  "delete-tree",
  "cas",
  "lock",
  "unlock",
]);

/**
 * Argument of KVS.Apply and body of log command 2. `TTL`, an addition of Proconsul, in nanoseconds: the leader makes an
 * `ExpiresAt` of it, so the log has none.
 */
export const KVSRequest = struct("KVSRequest", {
  Datacenter: str,
  Op: str,
  DirEnt: DirEntry,
  Token: str,
  TTL: field(durationNs, { omitEmptyWire: true }),
});
export type KVSRequest = Infer<typeof KVSRequest>;

/** Argument of KVS.Get and KVS.List. */
export const KeyRequest = struct("KeyRequest", { Datacenter: str, Key: byteStr, ...queryOptions });
export type KeyRequest = Infer<typeof KeyRequest>;

/** Argument of KVS.ListKeys; the spelling is the protocol's. */
export const KeyListRequest = struct("KeyListRequest", {
  Datacenter: str,
  Prefix: byteStr,
  Seperator: byteStr,
  ...queryOptions,
});
export type KeyListRequest = Infer<typeof KeyListRequest>;

export const IndexedDirEntries = struct("IndexedDirEntries", { Entries: list(DirEntry), ...queryMeta });
export type IndexedDirEntries = Infer<typeof IndexedDirEntries>;

export const IndexedKeyList = struct("IndexedKeyList", { Keys: list(byteStr), ...queryMeta });
export type IndexedKeyList = Infer<typeof IndexedKeyList>;

/** Body of log command 5. */
export const TombstoneRequest = struct("TombstoneRequest", {
  Datacenter: str,
  Op: str,
  ReapIndex: uint,
  Token: str,
});
export type TombstoneRequest = Infer<typeof TombstoneRequest>;
