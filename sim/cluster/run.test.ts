import { describe, expect, test } from "bun:test";
import keptSeeds from "../seeds.json" with { type: "json" };
import { clusterMutations } from "./mutations.ts";
import { runClusterSeed } from "./run.ts";

const freshSeeds = 24;

test("the kept seeds pass", () => {
  expect(keptSeeds.cluster.length).toBeGreaterThan(0);
  for (const { seed } of keptSeeds.cluster)
    expect(runClusterSeed(seed)).toMatchObject({ seed, failure: undefined });
}, 60_000);

test(`seeds 1 to ${freshSeeds} pass, in brief, and do something`, () => {
  const sum = { watches: 0, operations: 0, applied: 0, digests: 0, leaders: 0, faults: 0 };
  for (let seed = 1; seed <= freshSeeds; seed += 1) {
    const verdict = runClusterSeed(seed, { brief: true });
    expect(verdict).toMatchObject({ seed, failure: undefined });
    sum.operations += verdict.operationCount;
    sum.watches += verdict.watchCount;
    sum.applied += verdict.appliedCount;
    sum.digests += verdict.digestCount;
    sum.leaders += verdict.leaderCount;
    sum.faults += Object.values(verdict.faults).reduce((total, count) => total + count, 0);
  }
  expect(sum.operations).toBeGreaterThan(100 * freshSeeds);
  expect(sum.watches).toBeGreaterThan(20 * freshSeeds);
  expect(sum.applied).toBeGreaterThan(100 * freshSeeds);
  expect(sum.digests).toBeGreaterThan(2 * freshSeeds);
  expect(sum.leaders).toBeGreaterThan(freshSeeds);
  expect(sum.faults).toBeGreaterThan(4 * freshSeeds);
}, 120_000);

test("a seed replays to the letter, told or not", () => {
  const play = (): string[] => {
    const lines: string[] = [];
    runClusterSeed(7, { brief: true, log: (line) => lines.push(line) });
    return lines;
  };
  const first = play();
  expect(first.length).toBeGreaterThan(100);
  expect(play()).toEqual(first);
  const told = runClusterSeed(7, { brief: true, log: () => undefined });
  expect(runClusterSeed(7, { brief: true })).toEqual(told);
}, 60_000);

describe("a bug put in on purpose is caught", () => {
  test.each(clusterMutations)(
    "$name ($harm)",
    ({ mutation, seedsMax }) => {
      let seed = 1;
      while (seed <= seedsMax && runClusterSeed(seed, { brief: true, mutation }).failure === undefined)
        seed += 1;
      expect(seed).toBeLessThanOrEqual(seedsMax);
    },
    120_000,
  );
});
