/**
 * Bugs put in on purpose, one broken rule each, to prove that the simulator would notice them.
 *
 * A simulator that passes everything proves nothing; each of these must fail within `seedsMax` seeds.
 */
import { term } from "../../src/lib/log-index.ts";
import { defaultRules, type Rules } from "../../src/raft/core/rules.ts";

/** A broken rule. */
export interface Mutation {
  readonly name: string;
  /** What would go wrong in the field. */
  readonly harm: string;
  readonly rules: Rules;
  /** Caught within this many seeds from 1 on; measured, then doubled or more. */
  readonly seedsMax: number;
}

function mutation(name: string, o: { harm: string; seedsMax?: number; rules: Partial<Rules> }): Mutation {
  return { name, harm: o.harm, seedsMax: o.seedsMax ?? 100, rules: { ...defaultRules, ...o.rules } };
}

/** Every mutation, in the order of `Rules`. */
export const mutations: readonly Mutation[] = [
  mutation("stays in its role when it sees a newer term", {
    harm: "a deposed leader goes on",
    rules: { isNewerTerm: () => false },
  }),
  mutation("votes for a candidate with an older log", {
    harm: "committed entries are overwritten",
    rules: { isUpToDate: () => true },
  }),
  mutation("votes twice in a term", { harm: "two leaders in a term", rules: { mayVote: () => true } }),
  mutation("forgets its vote in a crash", {
    harm: "two leaders in a term",
    rules: { voteToPersist: () => undefined },
  }),
  mutation("wins an election with any two votes", {
    harm: "two leaders in a term",
    rules: { electionIsWon: (granted, voters) => granted.size >= Math.min(2, voters.length) },
  }),
  mutation("counts nonvoters", {
    harm: "agreement by those who have no say",
    rules: { isVoter: () => true },
  }),
  mutation("accepts entries wherever they fall", {
    harm: "logs that differ",
    rules: { previousMatches: () => true },
  }),
  mutation("cuts the log at every append", {
    harm: "stored entries vanish",
    rules: { countPresent: () => 0 },
  }),
  mutation("keeps entries that conflict", {
    harm: "logs that differ",
    rules: {
      countPresent: (entries, termAt) => entries.filter((entry) => termAt(entry.index) !== undefined).length,
    },
  }),
  mutation("commits what the leader committed, matched or not", {
    harm: "another entry is applied",
    rules: { followerCommit: (leaderCommit) => leaderCommit },
  }),
  mutation("answers before the disk has synced", {
    harm: "acknowledged entries are lost in a crash",
    rules: { replyWaitsForDisk: () => false },
  }),
  mutation("counts the leader's entries before they are on its disk", {
    harm: "acknowledged entries are lost in a crash",
    rules: { leaderMatch: (_durable, last) => last },
  }),
  mutation("commits what any one server has", {
    harm: "acknowledged entries are lost",
    rules: { storedByMajority: (matches) => Math.max(...matches) },
  }),
  mutation("commits an old term's entry by counting", {
    harm: "the case of figure 8: a committed entry is overwritten",
    seedsMax: 200,
    rules: { mayCommitByCounting: () => true },
  }),
  mutation("applies what is not committed", {
    harm: "state machines differ",
    rules: { applyThrough: (_commit, last) => last },
  }),
  mutation("lets configuration changes overlap", {
    harm: "two majorities that do not meet",
    seedsMax: 200,
    rules: { mayChangeConfiguration: () => true },
  }),
  mutation("changes the configuration before an entry of its term is committed", {
    harm: "two majorities that do not meet (the error in the thesis, corrected in 2015)",
    seedsMax: 200,
    rules: { mayChangeConfiguration: (o) => o.commitIndex >= o.configurationIndex },
  }),
  mutation("proves a read without asking anybody", {
    harm: "stale reads",
    rules: { readIsProved: () => true },
  }),
  mutation("ignores its lease", {
    harm: "a leader that is cut off never notices",
    rules: { leaseHolds: () => true },
  }),
  mutation("loses the term of a snapshot", {
    harm: "entries after a snapshot attach to nothing",
    rules: { snapshotTerm: () => term(0) },
  }),
];
