/**
 * Snapshot records of areas that this version does not have yet: ACLs, mesh, peering.
 *
 * They are kept as they came and written back, so that a snapshot of a Consul cluster can be restored here,
 * saved and taken back without losing what only the other side understands. Commands of `kept-commands.ts`
 * change some of them; nothing else reads them.
 */
import { restoreRecord, type RestoreRecord, type SnapshotPart } from "./command.ts";
import { unread } from "./kept-commands.ts";
import { keepRecord, recordOfKey } from "./kept-rows.ts";

/** Numbers by the reference: legacy ACL 4, … See the protocol reference, FSM section 1. */
const keptTypes = [4, 10, 11, 12, 13, 14, 15, 17, 19, 22, 23, 25, 27, 30, 32, 33, 35, 38, 40, 42] as const;

function keep(type: number): RestoreRecord<never> {
  return restoreRecord({ type, codec: unread, put: (store, body) => keepRecord(store, type, body) });
}

export const keptSnapshotPart: SnapshotPart = {
  *records(view) {
    for (const [key, body] of view.kept.entries()) yield { type: recordOfKey(key), body };
  },
  restore: keptTypes.map(keep),
};
