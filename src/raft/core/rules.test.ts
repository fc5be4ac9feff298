import { describe, expect, test } from "bun:test";
import { monotonicMs } from "../../lib/clock.ts";
import { logIndex, term } from "../../lib/log-index.ts";
import type { ServerId } from "./entry.ts";
import { defaultRules as rules } from "./rules.ts";
import { commands } from "./test-cluster.ts";

const ids = (...names: readonly string[]): ServerId[] => names as ServerId[];

test.each([
  { granted: ["n1"], voters: ["n1"], won: true },
  { granted: ["n1"], voters: ["n1", "n2"], won: false },
  { granted: ["n1", "n2"], voters: ["n1", "n2", "n3"], won: true },
  { granted: ["n1", "n4", "n5"], voters: ["n1", "n2", "n3"], won: false },
  { granted: [], voters: [], won: false },
])("votes of $granted among $voters win: $won", ({ granted, voters, won }) => {
  expect(rules.electionIsWon(new Set(ids(...granted)), ids(...voters))).toBe(won);
});

test.each([
  { suffrage: "voter", counts: true },
  { suffrage: "nonvoter", counts: false },
  { suffrage: "staging", counts: false },
] as const)("$suffrage counts: $counts", ({ suffrage, counts }) => {
  expect(rules.isVoter({ id: "n1" as ServerId, address: "a:1", suffrage })).toBe(counts);
});

test.each([
  { votedFor: undefined, candidate: "a", may: true },
  { votedFor: "a", candidate: "a", may: true },
  { votedFor: "b", candidate: "a", may: false },
])("voted for $votedFor, asked by $candidate: $may", ({ votedFor, candidate, may }) => {
  expect(rules.mayVote(votedFor, candidate)).toBe(may);
});

describe("entries that are present", () => {
  const local = commands(1, 1, 2);
  test.each([
    { offered: [1, 1, 2], present: 3 },
    { offered: [1, 1, 2, 3], present: 3 },
    { offered: [1, 3, 3], present: 1 },
    { offered: [], present: 0 },
  ])("of $offered: $present", ({ offered, present }) => {
    expect(rules.countPresent(commands(...offered), (index) => local[index - 1]?.term)).toBe(present);
  });
});

test.each([
  { commitIndex: 5, configurationIndex: 3, termStart: 4, may: true },
  { commitIndex: 5, configurationIndex: 6, termStart: 4, may: false },
  { commitIndex: 5, configurationIndex: 3, termStart: 6, may: false },
])(
  "a change with commit $commitIndex, configuration $configurationIndex, term from $termStart: $may",
  (o) => {
    expect(
      rules.mayChangeConfiguration({
        commitIndex: logIndex(o.commitIndex),
        configurationIndex: logIndex(o.configurationIndex),
        termStart: logIndex(o.termStart),
      }),
    ).toBe(o.may);
  },
);

test.each([
  { entry: term(3), current: term(3), may: true },
  { entry: term(2), current: term(3), may: false },
  { entry: undefined, current: term(3), may: false },
])("an entry of term $entry in term $current is committed by counting: $may", ({ entry, current, may }) => {
  expect(rules.mayCommitByCounting(entry, current)).toBe(may);
});

test.each([
  { contacts: [100, 60, 10], nowMs: 100, holds: true },
  { contacts: [100, 49, 10], nowMs: 100, holds: false },
  { contacts: [100], nowMs: 100, holds: true },
])("a lease of 50 ms at $nowMs with contacts $contacts holds: $holds", ({ contacts, nowMs, holds }) => {
  expect(rules.leaseHolds({ contacts, nowMs: monotonicMs(nowMs), leaseMs: 50 })).toBe(holds);
});
