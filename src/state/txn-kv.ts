/** Key/value operations of transactions, with the reference's error texts. Source: state/txn.go. */
import { quoteGo, quoteGoBytes } from "../lib/go-quote.ts";
import type { DirEntry, KvOp } from "../wire/structs/kv.ts";
import type { TxnKVOp, TxnResult } from "../wire/structs/txn.ts";
import {
  kvDelete,
  kvDeleteCas,
  kvDeleteTree,
  kvGet,
  kvList,
  kvLock,
  kvSet,
  kvSetCas,
  kvUnlock,
} from "./kv.ts";
import { Refusal } from "./refusal.ts";
import type { StateStore } from "./store.ts";
import { txnResult } from "./txn-result.ts";

/** The verbs that change something, as the doors know them too. */
const writeVerbs: Readonly<Record<KvOp, true>> = {
  set: true,
  delete: true,
  "delete-cas": true,
  "delete-tree": true,
  cas: true,
  lock: true,
  unlock: true,
};

/** Whether a key/value verb changes the state. */
export function isKvWrite(verb: string): boolean {
  return Object.hasOwn(writeVerbs, verb);
}

/** Runs one operation. Its results, none for deletions, or why it is refused. */
export function txnKv(
  store: StateStore,
  index: number,
  { Verb, DirEnt }: TxnKVOp,
): readonly TxnResult[] | Refusal {
  if (Verb === "set") return withoutValue(kvSet(store, index, DirEnt));
  const key = quoteGoBytes(DirEnt.Key);
  switch (Verb) {
    case "cas":
      return orStale(kvSetCas(store, index, DirEnt), `failed to set key ${key}, index is stale`);
    case "lock":
      return orStale(kvLock(store, index, DirEnt), `failed to lock key ${key}, lock is already held`);
    case "unlock":
      return orStale(
        kvUnlock(store, index, DirEnt),
        `failed to unlock key ${key}, lock isn't held, or is held by another session`,
      );
    case "delete":
      kvDelete(store, index, DirEnt.Key);
      return [];
    case "delete-tree":
      kvDeleteTree(store, index, DirEnt.Key);
      return [];
    case "delete-cas":
      if (kvDeleteCas(store, index, DirEnt)) return [];
      return new Refusal(`failed to delete key ${key}, index is stale`);
    default:
      return txnKvRead(store, { Verb, DirEnt });
  }
}

/** Runs one operation that changes nothing. */
export function txnKvRead(store: StateStore, { Verb, DirEnt }: TxnKVOp): readonly TxnResult[] | Refusal {
  if (Verb === "get-tree") return kvList(store, DirEnt.Key).entries.map((KV) => txnResult({ KV }));
  const { entry } = kvGet(store, DirEnt.Key);
  const key = quoteGoBytes(DirEnt.Key);
  switch (Verb) {
    case "get":
      return entry === undefined ? new Refusal(`key ${key} doesn't exist`) : [txnResult({ KV: entry })];
    case "get-or-empty":
      return [txnResult({ KV: entry ?? { ...DirEnt, Value: null } })];
    case "check-not-exists":
      return entry === undefined ? [] : new Refusal(`key ${key} exists`);
    case "check-session":
      if (entry === undefined) return new Refusal(`failed to check session, key ${key} doesn't exist`);
      if (entry.Session === DirEnt.Session) return withoutValue(entry);
      return new Refusal(
        `failed session check for key ${key}, current session ${quoteGo(entry.Session)} != ${quoteGo(DirEnt.Session)}`,
      );
    case "check-index":
      if (entry === undefined) return new Refusal(`failed to check index, key ${key} doesn't exist`);
      if (entry.ModifyIndex === DirEnt.ModifyIndex) return withoutValue(entry);
      return new Refusal(
        `failed index check for key ${key}, current modify index ${entry.ModifyIndex} != ${DirEnt.ModifyIndex}`,
      );
    default:
      return new Refusal(`unknown KV verb ${quoteGo(Verb)}`);
  }
}

function orStale(entry: DirEntry | Refusal | undefined, text: string): readonly TxnResult[] | Refusal {
  if (entry instanceof Refusal) return entry;
  return entry === undefined ? new Refusal(text) : withoutValue(entry);
}

/** Only reads answer the value. */
function withoutValue(entry: DirEntry): readonly TxnResult[] {
  return [txnResult({ KV: { ...entry, Value: null } })];
}
