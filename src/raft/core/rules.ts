/**
 * The rules of Raft that safety hangs on, as pure functions in one table.
 *
 * The core asks this table and never decides such a thing inline, so that each rule can be read
 * and tested alone, and so that a test can pass a table with one rule broken and see whether the
 * simulator notices. Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), sections below.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { LogIndex, Term } from "../../lib/log-index.ts";
import type { Entry, ServerId, Server } from "./entry.ts";
import { majority, reachedByMajority } from "./quorum.ts";

/** Where a log ends. */
export interface LogEnd {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Every rule; the docstrings are the rules. */
export interface Rules {
  /** §3.3: a term above ours ends whatever role we play. */
  isNewerTerm(seen: Term, current: Term): boolean;
  /** §3.6.1: a log is up to date if it ends in a later term, or in the same term and no shorter. */
  isUpToDate(candidate: LogEnd, own: LogEnd): boolean;
  /** §3.4: one vote in a term; the same candidate may ask again. */
  mayVote(votedFor: string | undefined, candidate: string): boolean;
  /** §3.4: what the disk remembers of a vote just given. */
  voteToPersist(candidate: string): string | undefined;
  /** §3.4: votes of a majority of the voters win. */
  electionIsWon(granted: ReadonlySet<ServerId>, voters: readonly ServerId[]): boolean;
  /** §4.2.1: nonvoters and staging servers never count. */
  isVoter(server: Server): boolean;
  /** §3.5: entries attach only where the entry before them is the leader's. */
  previousMatches(local: Term | undefined, previous: Term): boolean;
  /** §3.5: how many of the leader's entries we have already; only a real conflict cuts the log. */
  countPresent(entries: readonly Entry[], termAt: (index: LogIndex) => Term | undefined): number;
  /** §3.5: a follower commits no further than the log is known to match. */
  followerCommit(leaderCommit: LogIndex, matchedThrough: LogIndex): LogIndex;
  /** §3.8: an answer that promises stored entries or a vote waits for the disk. */
  replyWaitsForDisk(): boolean;
  /** §10.2.1: the leader counts itself only as far as its own disk. */
  leaderMatch(durableIndex: LogIndex, lastIndex: LogIndex): LogIndex;
  /** §3.5: what a majority has stored. */
  storedByMajority(matches: readonly number[]): number;
  /** §3.6.2: only an entry of the leader's own term is committed by counting. */
  mayCommitByCounting(entryTerm: Term | undefined, current: Term): boolean;
  /** §3.6.3: what the state machine may see. */
  applyThrough(commitIndex: LogIndex, lastIndex: LogIndex): LogIndex;
  /** §4.1 and the 2015 correction: one change at a time, and none before an entry of our term is committed. */
  mayChangeConfiguration(o: {
    commitIndex: LogIndex;
    configurationIndex: LogIndex;
    termStart: LogIndex;
  }): boolean;
  /** §6.4: a read is proved by a round of heartbeats that began after it and that a majority answered. */
  readIsProved(provedRounds: readonly number[], round: number): boolean;
  /** §6.2: a leader leads while a majority was heard within the lease. */
  leaseHolds(o: { contacts: readonly number[]; nowMs: MonotonicMs; leaseMs: number }): boolean;
  /** §5.1: the term that a snapshot keeps for the consistency check of the entry after it. */
  snapshotTerm(term: Term): Term;
}

/** The rules as the papers state them. */
export const defaultRules: Rules = Object.freeze({
  isNewerTerm: (seen, current) => seen > current,
  isUpToDate: (candidate, own) =>
    candidate.term !== own.term ? candidate.term > own.term : candidate.index >= own.index,
  mayVote: (votedFor, candidate) => votedFor === undefined || votedFor === candidate,
  voteToPersist: (candidate) => candidate,
  electionIsWon: (granted, voters) =>
    voters.filter((id) => granted.has(id)).length >= majority(voters.length),
  isVoter: (server) => server.suffrage === "voter",
  previousMatches: (local, previous) => local === previous,
  countPresent: (entries, termAt) => {
    let count = 0;
    for (const entry of entries) {
      if (termAt(entry.index) !== entry.term) break;
      count += 1;
    }
    return count;
  },
  followerCommit: (leaderCommit, matchedThrough) =>
    leaderCommit < matchedThrough ? leaderCommit : matchedThrough,
  replyWaitsForDisk: () => true,
  leaderMatch: (durableIndex) => durableIndex,
  storedByMajority: reachedByMajority,
  mayCommitByCounting: (entryTerm, current) => entryTerm === current,
  applyThrough: (commitIndex) => commitIndex,
  mayChangeConfiguration: (o) => o.commitIndex >= o.configurationIndex && o.commitIndex >= o.termStart,
  readIsProved: (provedRounds, round) => reachedByMajority(provedRounds) >= round,
  leaseHolds: (o) => o.nowMs - reachedByMajority(o.contacts) <= o.leaseMs,
  snapshotTerm: (term) => term,
} satisfies Rules);
