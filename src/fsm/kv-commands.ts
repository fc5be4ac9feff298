/** Log commands 2 (keys) and 5 (tombstones), and their snapshot records. Source: protocol reference, FSM section 3. */
import { encodeMsgpack } from "../wire/schema/codec.ts";
import type { ByteString } from "../lib/byte-string.ts";
import {
  kvDelete,
  kvDeleteCas,
  kvDeleteTree,
  kvLock,
  kvReap,
  kvRestore,
  kvSet,
  kvSetCas,
  kvUnlock,
  tombstoneRestore,
} from "../state/kv.ts";
import { Refusal } from "../state/refusal.ts";
import type { StateStore, Tables } from "../state/store.ts";
import { DirEntry, KVSRequest, TombstoneRequest } from "../wire/structs/kv.ts";
import {
  command,
  commandType,
  restoreRecord,
  type AnyCommand,
  type SnapshotPart,
  type SnapshotRecord,
} from "./command.ts";

/** Whether the operation took place, or why it is refused. */
function applyKv(store: StateStore, index: number, { Op, DirEnt }: KVSRequest): boolean | Refusal {
  switch (Op) {
    case "set":
      kvSet(store, index, DirEnt);
      return true;
    case "delete":
      kvDelete(store, index, DirEnt.Key);
      return true;
    case "delete-tree":
      kvDeleteTree(store, index, DirEnt.Key);
      return true;
    case "delete-cas":
      return kvDeleteCas(store, index, DirEnt);
    case "cas":
      return done(kvSetCas(store, index, DirEnt));
    case "lock":
      return done(kvLock(store, index, DirEnt));
    case "unlock":
      return done(kvUnlock(store, index, DirEnt));
    default:
      return new Refusal(`Invalid KVS operation '${Op}'`);
  }
}

function done(outcome: DirEntry | Refusal | undefined): boolean | Refusal {
  return outcome instanceof Refusal ? outcome : outcome !== undefined;
}

function applyTombstone(store: StateStore, _index: number, request: TombstoneRequest): true | Refusal {
  if (request.Op !== "reap") return new Refusal(`Invalid Tombstone operation '${request.Op}'`);
  kvReap(store, request.ReapIndex);
  return true;
}

/** Commands on keys answer a boolean or a `Refusal`. */
export const kvCommands: readonly AnyCommand[] = [
  command({ type: commandType.kvs, codec: KVSRequest, apply: applyKv }),
  command({ type: commandType.tombstone, codec: TombstoneRequest, apply: applyTombstone }),
];

function* records(view: Tables): Iterable<SnapshotRecord> {
  for (const entry of view.kvs.values()) {
    yield { type: commandType.kvs, body: encodeMsgpack(DirEntry, entry) };
  }
  // Tombstones travel as entries without a value: the form that the reference began with.
  for (const [key, deletedAt] of view.tombstones.entries()) {
    const stone = DirEntry.make({ Key: key as ByteString, ModifyIndex: deletedAt });
    yield { type: commandType.tombstone, body: encodeMsgpack(DirEntry, stone) };
  }
}

/** Keys, then tombstones. */
export const kvSnapshotPart: SnapshotPart = {
  records,
  restore: [
    restoreRecord({ type: commandType.kvs, codec: DirEntry, put: kvRestore }),
    restoreRecord({
      type: commandType.tombstone,
      codec: DirEntry,
      put: (store, stone: DirEntry) => tombstoneRestore(store, stone.Key, stone.ModifyIndex),
    }),
  ],
};
