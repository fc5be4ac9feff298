/**
 * What no correct peer sends: judged here, before a message changes anything, and nowhere else.
 *
 * A message with a problem is answered with the problem as error text (an answer counts as lost), is told of in
 * `Effects.refused`, and leaves the server as it was. So a peer that is broken, or that lies, cannot make the core
 * break what it asserts. What a lie that could be true does is beyond this: a leader is believed that an entry is
 * committed, and who contradicts it later is refused.
 * Sources: Ongaro 2014, §3.5–3.6 (what a leader's log has in common with ours); hashicorp/raft, checkConfiguration.
 */
import { unreachable } from "../../lib/assert.ts";
import type { LogIndex, Term } from "../../lib/log-index.ts";
import { entryType, type Configuration, type Entry } from "./entry.ts";
import { isSoundConfiguration } from "./membership.ts";
import type {
  AppendEntriesRequest,
  InstallSnapshotRequest,
  RaftRequest,
  RaftResponse,
  RequestPreVoteRequest,
  RequestVoteRequest,
} from "./messages.ts";
import type { RaftState } from "./state.ts";

/** Beyond this no server stands for election, so that counting on stays exact. */
export const termMax = 2 ** 52;
/** Elections that no cluster has lived through while one of its servers slept: 136 years of one a second. */
export const termLeapMax = 2 ** 32;
/** Far behind every place that a user's snapshot may take, with room for more entries than will ever come. */
export const indexMax = 2 ** 53 - 2 ** 32;

type FromLeader = AppendEntriesRequest | InstallSnapshotRequest;

/** Why no correct peer sends this request, in words for a log; undefined if one might. */
export function requestProblem(state: RaftState, message: RaftRequest): string | undefined {
  switch (message.kind) {
    case "appendEntries":
      return termProblem(state, message.term) ?? appendProblem(state, message);
    case "installSnapshot":
      return (
        termProblem(state, message.term) ?? snapshotShapeProblem(message) ?? placeProblem(state, message)
      );
    case "requestVote":
      if (message.candidate === "") return "a candidate without an address";
      return termProblem(state, message.term) ?? candidacyProblem(message);
    case "requestPreVote":
      return termProblem(state, message.term) ?? candidacyProblem(message);
    case "timeoutNow":
      return undefined;
    default:
      return unreachable(message);
  }
}

/** The same for an answer. */
export function answerProblem(state: RaftState, message: RaftResponse): string | undefined {
  if (!("term" in message)) return undefined;
  // A server that has seen no term yet answers with 0.
  return message.term === 0 ? undefined : termProblem(state, message.term);
}

/** The same for a snapshot whose bytes have come, since the log may have moved on meanwhile. */
export function receivedProblem(state: RaftState, message: InstallSnapshotRequest): string | undefined {
  const { lastLogIndex, lastLogTerm } = message;
  const isLeading = state.leader?.id === state.id;
  // A leader has every committed entry, though it may not know yet that it is committed.
  if (isLeading && lastLogIndex > state.commitIndex && state.log.termAt(lastLogIndex) !== lastLogTerm)
    return `a snapshot through ${lastLogIndex}, which this leader does not have`;
  return placeProblem(state, message);
}

/** Whether a snapshot fits our log. However old its term, it holds only what is committed. */
function placeProblem(state: RaftState, message: InstallSnapshotRequest): string | undefined {
  const { lastLogIndex, lastLogTerm } = message;
  if (lastLogIndex > state.commitIndex) {
    const committedTerm = state.log.termAt(state.commitIndex) ?? 0;
    if (lastLogTerm < committedTerm)
      return `a snapshot through ${lastLogIndex} of term ${lastLogTerm}, behind a committed entry of term ${committedTerm}`;
  } else if (contradicts(state, lastLogIndex, lastLogTerm)) {
    return contradiction("a snapshot through", lastLogIndex);
  }
  return leaderProblem(state, message);
}

function termProblem(state: RaftState, term: Term): string | undefined {
  if (term === 0) return "term 0, in which nobody acts";
  if (term > termMax || term - state.term > termLeapMax) return `term ${term}, far beyond our ${state.term}`;
  return undefined;
}

/** Where a log ends, or a request begins: an index and a term come together. */
function endProblem(index: LogIndex, term: Term): string | undefined {
  if (index > indexMax) return `index ${index}, beyond every log`;
  if ((index === 0) !== (term === 0)) return `index ${index} with term ${term}`;
  return undefined;
}

/** A candidate's term is new: its log has none of it. */
function candidacyProblem(message: RequestVoteRequest | RequestPreVoteRequest): string | undefined {
  const { term, lastLogIndex, lastLogTerm } = message;
  if (lastLogTerm >= term) return `a candidate of term ${term} whose log ends in term ${lastLogTerm}`;
  return endProblem(lastLogIndex, lastLogTerm);
}

function appendProblem(state: RaftState, message: AppendEntriesRequest): string | undefined {
  const { prevLogIndex, prevLogTerm, term } = message;
  if (prevLogTerm > term) return `a previous entry of term ${prevLogTerm} from a leader of term ${term}`;
  const problem =
    endProblem(prevLogIndex, prevLogTerm) ?? orderProblem(message) ?? contentProblem(state, message.entries);
  // Whoever led once may have been right then, and is told that its time is over.
  if (problem !== undefined || term < state.term) return problem;
  return leaderProblem(state, message) ?? logProblem(state, message);
}

/** Indexes follow on each other and terms do not fall. */
function orderProblem(message: AppendEntriesRequest): string | undefined {
  let index: number = message.prevLogIndex;
  let term: number = Math.max(1, message.prevLogTerm);
  for (const entry of message.entries) {
    if (entry.index !== index + 1 || entry.index > indexMax) return `entry ${entry.index} after ${index}`;
    if (entry.term < term || entry.term > message.term)
      return `entry ${entry.index} of term ${entry.term}, after term ${term}, from a leader of term ${message.term}`;
    ({ index, term } = entry);
  }
  return undefined;
}

/** Of the first entry that we do not have, and all that would be stored with it: those we have were judged before. */
function contentProblem(state: RaftState, entries: readonly Entry[]): string | undefined {
  let isNew = false;
  for (const entry of entries) {
    isNew ||= state.log.termAt(entry.index) !== entry.term;
    if (!isNew) continue;
    const problem = entryProblem(state, entry);
    if (problem !== undefined) return `entry ${entry.index}: ${problem}`;
  }
  return undefined;
}

function entryProblem(state: RaftState, entry: Entry): string | undefined {
  if (entry.type === entryType.configuration) return configurationEntryProblem(state, entry);
  // Pieces of a large command mean nothing alone; a bad one is passed over when it is applied.
  if (entry.type !== entryType.command || entry.extensions !== undefined) return undefined;
  return state.commandProblem(entry);
}

function configurationEntryProblem(state: RaftState, entry: Entry): string | undefined {
  let configuration: Configuration;
  try {
    configuration = state.codec.decode(entry.data);
  } catch (error) {
    return `no configuration: ${error instanceof Error ? error.message : String(error)}`;
  }
  return configurationProblem(configuration);
}

function configurationProblem(configuration: Configuration): string | undefined {
  return isSoundConfiguration(configuration)
    ? undefined
    : "a configuration without voters, with a server twice, or without its address";
}

function snapshotShapeProblem(message: InstallSnapshotRequest): string | undefined {
  const { lastLogIndex, lastLogTerm, configurationIndex, term } = message;
  if (lastLogIndex === 0) return "a snapshot of nothing";
  if (lastLogTerm > term) return `a snapshot of term ${lastLogTerm} from a leader of term ${term}`;
  if (configurationIndex > lastLogIndex)
    return `a snapshot through ${lastLogIndex} with a configuration of ${configurationIndex}`;
  return endProblem(lastLogIndex, lastLogTerm) ?? configurationProblem(message.configuration);
}

/** At most one leads in a term. */
function leaderProblem(state: RaftState, message: FromLeader): string | undefined {
  if (message.leader === "") return "a leader without an address";
  const { leader } = state;
  if (message.term !== state.term || leader === undefined) return undefined;
  if (leader.id === state.id) return `another leader of term ${state.term}, in which this server leads`;
  const { id } = message.header;
  const isSame = leader.address === message.leader || (id !== undefined && leader.id === id);
  return isSame ? undefined : `a second leader of term ${state.term} beside ${leader.address}`;
}

/** A leader's log has what is committed, and so has ours: they agree there. */
function logProblem(state: RaftState, message: AppendEntriesRequest): string | undefined {
  const { prevLogIndex, prevLogTerm } = message;
  // Who appends a configuration knows the one before it as committed.
  const through = Math.max(state.commitIndex, state.membership.committed.index);
  if (prevLogIndex > 0 && prevLogIndex <= through && contradicts(state, prevLogIndex, prevLogTerm))
    return contradiction("entries after", prevLogIndex);
  for (const { index, term } of message.entries) {
    if (index > through) break;
    if (contradicts(state, index, term)) return contradiction("entry", index);
  }
  return undefined;
}

/** Of what lies before the snapshot no terms are known, and nothing can be said. */
function contradicts(state: RaftState, index: LogIndex, term: Term): boolean {
  const own = state.log.termAt(index);
  return own !== undefined && own !== term;
}

function contradiction(what: string, index: LogIndex): string {
  return `${what} ${index}, where our committed log has another term`;
}
