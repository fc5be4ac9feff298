/** Snapshots of what was applied: what one stands for, and how far it lets the log go. */
import { assert } from "../../lib/assert.ts";
import { logIndex } from "../../lib/log-index.ts";
import type { SnapshotMark } from "./entry.ts";
import type { RaftState } from "./state.ts";

/** The mark of a snapshot of everything handed out so far; undefined while there can be none. */
export function nextSnapshotMark(state: RaftState): SnapshotMark | undefined {
  const { appliedIndex, membership, log } = state;
  const { committed } = membership;
  const term = log.termAt(appliedIndex);
  if (appliedIndex === 0 || term === undefined || committed.index > appliedIndex) return undefined;
  return {
    index: appliedIndex,
    term,
    configuration: committed.configuration,
    configurationIndex: committed.index,
  };
}

/** A snapshot is durable: the log keeps what is behind it, and some before it for those who are not far behind. */
export function takeSnapshot(state: RaftState, mark: SnapshotMark): void {
  if (state.snapshot !== undefined && mark.index <= state.snapshot.index) return;
  assert(mark.index <= state.appliedIndex, "a snapshot holds applied entries only");
  state.snapshot = mark;
  state.log.setMark({ index: mark.index, term: state.rules.snapshotTerm(mark.term) });
  const kept = state.log.lastIndex - state.trailingLogs;
  const through = logIndex(Math.max(0, Math.min(mark.index, state.log.durableIndex, kept)));
  if (through < state.log.firstIndex) return;
  state.log.compact(through);
  state.outbox.compactThrough(through);
}
