/** Brings a state machine to where the newest snapshot stands. */
import type { StateMachine } from "../../lib/consensus.ts";
import type { SnapshotMark } from "../core/entry.ts";
import { RaftDataError } from "./refusal.ts";
import { readSnapshot, type SnapshotStore } from "./snapshot-store.ts";

/** What the restored snapshot stands for; undefined without one. Rejects with `RaftDataError`. */
export async function restoreNewest(
  snapshots: SnapshotStore,
  machine: StateMachine,
): Promise<SnapshotMark | undefined> {
  const meta = await snapshots.newest();
  if (meta === undefined) return undefined;
  await using snapshot = await snapshots.open(meta);
  if (snapshot === undefined) throw new RaftDataError(`snapshot ${meta.id} vanished while it was opened`);
  try {
    machine.prepare(await readSnapshot(snapshot))();
  } catch (error) {
    throw new RaftDataError(`snapshot ${meta.id} cannot be restored: ${String(error)}`, { cause: error });
  }
  const { index, configuration, configurationIndex } = meta;
  return { index, term: meta.term, configuration, configurationIndex };
}
