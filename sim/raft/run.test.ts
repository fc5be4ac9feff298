import { describe, expect, test } from "bun:test";
import keptSeeds from "../seeds.json" with { type: "json" };
import { mutations } from "./mutations.ts";
import { runRaftSeed } from "./run.ts";

const freshSeeds = 300;

test("the kept seeds pass", () => {
  expect(keptSeeds.raft.length).toBeGreaterThan(0);
  for (const { seed } of keptSeeds.raft)
    expect(runRaftSeed(seed)).toMatchObject({ seed, failure: undefined });
});

test(`seeds 1 to ${freshSeeds} pass, and do something`, () => {
  const sum = { applied: 0, acknowledged: 0, reads: 0, leaders: 0 };
  for (let seed = 1; seed <= freshSeeds; seed += 1) {
    const verdict = runRaftSeed(seed);
    expect(verdict).toMatchObject({ seed, failure: undefined });
    sum.applied += verdict.appliedCount;
    sum.acknowledged += verdict.acknowledgedCount;
    sum.reads += verdict.readCount;
    sum.leaders += verdict.leaderCount;
  }
  expect(sum.applied).toBeGreaterThan(100 * freshSeeds);
  expect(sum.acknowledged).toBeGreaterThan(100 * freshSeeds);
  expect(sum.reads).toBeGreaterThan(20 * freshSeeds);
  expect(sum.leaders).toBeGreaterThan(2 * freshSeeds);
}, 60_000);

test("a seed replays to the letter", () => {
  const play = (): string[] => {
    const lines: string[] = [];
    runRaftSeed(7, { log: (line) => lines.push(line) });
    return lines;
  };
  const first = play();
  expect(first.length).toBeGreaterThan(100);
  expect(play()).toEqual(first);
});

test("telling the log changes nothing", () => {
  expect(runRaftSeed(11, { log: () => undefined })).toEqual(runRaftSeed(11));
});

describe("a core with a broken rule is caught", () => {
  test("there are at least twelve", () => {
    expect(mutations.length).toBeGreaterThanOrEqual(12);
  });
  test.each(mutations)(
    "$name ($harm)",
    ({ rules, seedsMax }) => {
      let seed = 1;
      while (seed <= seedsMax && runRaftSeed(seed, { rules }).failure === undefined) seed += 1;
      expect(seed).toBeLessThanOrEqual(seedsMax);
    },
    60_000,
  );
});
