/**
 * Answers to those who want to lead. Source: protocol/raft.md §3; Ongaro 2014, §3.4, §3.6.1, §9.6.
 *
 * The caller has already stepped down if `mayTakeTerm` said so, so terms are equal or the asker is late.
 */
import type { LogIndex, Term } from "../../lib/log-index.ts";
import type { ServerId } from "./entry.ts";
import type { RequestPreVoteRequest, RequestVoteRequest } from "./messages.ts";
import type { RaftState } from "./state.ts";

/** What votes and pre-votes have in common, with the sender as far as it can be told. */
export interface Candidacy {
  readonly term: Term;
  readonly id: ServerId | undefined;
  readonly address: string | undefined;
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
  readonly leadershipTransfer: boolean;
}

export function toCandidacy(message: RequestVoteRequest | RequestPreVoteRequest): Candidacy {
  const { header, term, lastLogIndex, lastLogTerm } = message;
  const isVote = message.kind === "requestVote";
  return {
    term,
    id: header.id,
    address: isVote ? message.candidate : header.address,
    lastLogIndex,
    lastLogTerm,
    leadershipTransfer: isVote && message.leadershipTransfer,
  };
}

/**
 * Whether a candidacy is to be considered at all, so that a later term in it counts.
 *
 * A server that hears its leader ignores others, unless the leader itself wants the election. One
 * that is no voter by our configuration is ignored unless its log is at least as new as ours, and
 * so may hold a newer configuration: without that, it would only disturb those who remain.
 * The reference ignores it always; but then a voter that was added while another slept may never
 * get the vote that it needs (found by simulation, seed 1785; Ongaro 2014, §4.2: servers vote
 * whatever their configuration says).
 */
export function mayTakeTerm(state: RaftState, candidacy: Candidacy): boolean {
  if (isOutsider(state, candidacy) && !isUpToDate(state, candidacy)) return false;
  return candidacy.leadershipTransfer || !hasOtherLeader(state, candidacy);
}

/** Whether to vote for it; the terms are equal. Changes nothing. */
export function mayGrantVote(state: RaftState, candidacy: Candidacy): boolean {
  return (
    candidacy.address !== undefined &&
    state.rules.mayVote(state.votedFor, candidacy.address) &&
    isUpToDate(state, candidacy)
  );
}

/** Whether a vote would be given, if it were asked for. */
export function mayGrantPreVote(state: RaftState, candidacy: Candidacy): boolean {
  return candidacy.term >= state.term && !hasOtherLeader(state, candidacy) && isUpToDate(state, candidacy);
}

function isUpToDate(state: RaftState, candidacy: Candidacy): boolean {
  const candidate = { index: candidacy.lastLogIndex, term: candidacy.lastLogTerm };
  return state.rules.isUpToDate(candidate, { index: state.log.lastIndex, term: state.log.lastTerm });
}

/** An empty configuration knows nobody yet, and a peer of an old version does not say who it is. */
function isOutsider(state: RaftState, candidacy: Candidacy): boolean {
  if (candidacy.id === undefined || state.membership.latest.configuration.servers.length === 0) return false;
  return !state.membership.isVoter(candidacy.id);
}

function hasOtherLeader(state: RaftState, candidacy: Candidacy): boolean {
  const { leader } = state;
  if (leader === undefined) return false;
  if (leader.id !== undefined && candidacy.id !== undefined) return leader.id !== candidacy.id;
  return leader.address !== candidacy.address;
}
