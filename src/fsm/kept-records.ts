/**
 * Snapshot records of areas that this version does not have yet: ACLs, queries, mesh, peering.
 *
 * They are kept as they came and written back, so that a snapshot of a Consul cluster can be restored here,
 * saved and taken back without losing what only the other side understands. Nothing else reads them.
 */
import { bytes } from "../wire/schema/scalars.ts";
import type { Codec } from "../wire/schema/codec.ts";
import { restoreRecord, type RestoreRecord, type SnapshotPart } from "./command.ts";

/** Numbers by the reference: legacy ACL 4, queries 7, … See the protocol reference, FSM section 1. */
const keptTypes = [4, 7, 10, 11, 12, 13, 14, 15, 17, 19, 22, 23, 25, 27, 30, 32, 33, 35, 38, 40, 42] as const;

/** One MessagePack value, unread. */
const unread: Codec<Uint8Array> = {
  ...(bytes as Codec<Uint8Array>),
  encode: (writer, value) => writer.raw(value),
  decode: (reader) => reader.unread(),
};

/** Orders by type, then by arrival. */
function keyOf(type: number, place: number): string {
  return `${String(type).padStart(3, "0")}.${String(place).padStart(10, "0")}`;
}

function keep(type: number): RestoreRecord<never> {
  return restoreRecord({
    type,
    codec: unread,
    // The snapshot's buffer goes; what is kept must not hold on to it.
    put: (store, body) => store.tables.kept.set(keyOf(type, store.tables.kept.size), body.slice()),
  });
}

export const keptSnapshotPart: SnapshotPart = {
  *records(view) {
    for (const [key, body] of view.kept.entries()) yield { type: Number(key.slice(0, 3)), body };
  },
  restore: keptTypes.map(keep),
};
