/**
 * What a follower does with what its leader sends. Source: protocol/raft.md §3; Ongaro 2014, §3.5, §5.
 *
 * The caller has checked the term, so the sender leads in ours, and that the message has no problem
 * (`message-problem.ts`): what is asserted below is what that promises.
 */
import { logIndex, type LogIndex } from "../../lib/log-index.ts";
import type { SnapshotMark } from "./entry.ts";
import type { AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest } from "./messages.ts";
import type { RaftState } from "./state.ts";

/** Stores the entries of the leader of our term and answers; the answer waits for the disk. */
export function acceptEntries(state: RaftState, inboundId: number, message: AppendEntriesRequest): void {
  const lastLog = state.log.lastIndex;
  const matches = previousMatches(state, message);
  if (matches) {
    store(state, message);
    const matched = logIndex(message.prevLogIndex + message.entries.length);
    state.commitThrough(state.rules.followerCommit(message.leaderCommit, matched));
  }
  const answer = appendResponse(state, { lastLog, success: matches });
  // A plain heartbeat promises no entries, and must not queue behind the disk.
  const promises = matches && message.prevLogIndex + message.entries.length > 0;
  if ((promises && state.rules.replyWaitsForDisk()) || state.hardStateIsDirty) {
    state.outbox.replyAfterWrite(inboundId, answer);
  } else {
    state.outbox.reply(inboundId, answer);
  }
}

/** The answer to AppendEntries in our term. */
export function appendResponse(
  state: RaftState,
  o: { lastLog: LogIndex; success: boolean },
): AppendEntriesResponse {
  return {
    kind: "appendEntriesResponse",
    header: state.header,
    term: state.term,
    lastLog: o.lastLog,
    success: o.success,
    noRetryBackoff: !o.success,
  };
}

/** Whether a snapshot tells us nothing: our log holds all of it as committed. */
export function isSuperfluous(state: RaftState, message: InstallSnapshotRequest): boolean {
  return message.lastLogIndex <= state.commitIndex;
}

/** The received snapshot is on disk: stand where it ends, and keep what our log has beyond it if that fits. */
export function acceptSnapshot(state: RaftState, message: InstallSnapshotRequest): void {
  const term = state.rules.snapshotTerm(message.lastLogTerm);
  const mark: SnapshotMark = {
    index: message.lastLogIndex,
    term: message.lastLogTerm,
    configuration: message.configuration,
    configurationIndex: message.configurationIndex,
  };
  if (state.log.termAt(mark.index) === mark.term) {
    state.log.setMark({ index: mark.index, term });
    state.commitThrough(mark.index);
  } else {
    state.log.restart({ index: mark.index, term });
    state.membership.restart({ configuration: mark.configuration, index: mark.configurationIndex });
  }
  state.jumpTo(mark);
}

/** An entry before the snapshot is committed, and every leader has every committed entry: it matches. */
function previousMatches(state: RaftState, message: AppendEntriesRequest): boolean {
  if (message.prevLogIndex === 0) return true;
  const local = state.log.termAt(message.prevLogIndex);
  if (local === undefined && message.prevLogIndex < state.log.firstIndex) return true;
  return state.rules.previousMatches(local, message.prevLogTerm);
}

function store(state: RaftState, message: AppendEntriesRequest): void {
  // What was compacted away is committed, so the leader's entries there are ours.
  const first = state.log.firstIndex;
  const entries = message.entries.filter((entry) => entry.index >= first);
  const present = state.rules.countPresent(entries, (index) => state.log.termAt(index));
  const conflict = entries[present];
  if (conflict === undefined) return;
  if (conflict.index <= state.log.lastIndex) state.truncateFrom(conflict.index);
  for (const entry of entries.slice(present)) state.append(entry);
}
