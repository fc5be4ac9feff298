/** Log command 31, notes that servers keep for each other, and their part of snapshots. */
import type { StateStore } from "../state/store.ts";
import { encodeMsgpack } from "../wire/schema/codec.ts";
import { SystemMetadataEntry, SystemMetadataRequest } from "../wire/structs/operator.ts";
import { command, commandType, restoreRecord, type AnyCommand, type SnapshotPart } from "./command.ts";

const table = "system-metadata";

/** Upserts and deletes one entry; answers the refusal's text for any other operation. */
export const systemCommands: readonly AnyCommand[] = [
  command({
    type: commandType.systemMetadata,
    codec: SystemMetadataRequest,
    apply: (store, index, { Op, Entry }): string | undefined => {
      if (Entry === null || Entry.Key === "") return "missing key on system metadata";
      if (Op === "upsert") store.tables.systemMetadata.set(Entry.Key, Entry.Value);
      else if (Op === "delete") store.tables.systemMetadata.delete(Entry.Key);
      else return `invalid system metadata operation type: ${Op}`;
      mark(store, index);
      return undefined;
    },
  }),
];

/** One record for each entry. */
export const systemSnapshotPart: SnapshotPart = {
  *records(view) {
    const index = view.indexes.get(table) ?? 0;
    for (const [Key, Value] of view.systemMetadata.entries()) {
      const entry = { Key, Value, CreateIndex: index, ModifyIndex: index };
      yield { type: commandType.systemMetadata, body: encodeMsgpack(SystemMetadataEntry, entry) };
    }
  },
  restore: [
    restoreRecord({
      type: commandType.systemMetadata,
      codec: SystemMetadataEntry,
      put: (store, entry) => {
        store.tables.systemMetadata.set(entry.Key, entry.Value);
        if (entry.ModifyIndex > store.maxIndex(table)) mark(store, entry.ModifyIndex);
      },
    }),
  ],
};

/** Puts one entry, as the command does. */
export function setSystemMetadata(
  store: StateStore,
  index: number,
  entry: { readonly Key: string; readonly Value: string },
): void {
  store.tables.systemMetadata.set(entry.Key, entry.Value);
  mark(store, index);
}

function mark(store: StateStore, index: number): void {
  store.setIndex(table, index);
  store.changedTopic(table);
}
