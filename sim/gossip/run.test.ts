import { describe, expect, test } from "bun:test";
import { expectedDetectionMs, expectedRounds, spread } from "./figures.ts";
import { runScenario, type ScenarioPlan } from "./scenarios.ts";

const plan: ScenarioPlan = {
  scenario: "join",
  nodeCount: 100,
  seed: 1,
  lossPercent: 0,
  deadPercent: 30,
  watchMs: 60_000,
  lifeguard: true,
};

describe("a pool of 100 simulated nodes", () => {
  test("that start together all know each other within 30 s, and nobody is accused", () => {
    const { failures, goalMs, falseSuspicions } = runScenario(plan);
    expect([failures, falseSuspicions]).toEqual([[], 0]);
    expect(goalMs).toBeLessThan(30_000);
  });

  test("without loss accuses and buries nobody", () => {
    const { failures, falseSuspicions, falseBurials } = runScenario({ ...plan, scenario: "loss" });
    expect([failures, falseSuspicions, falseBurials]).toEqual([[], 0, 0]);
  });

  test("with 10 % loss buries nobody who lives", () => {
    const { failures, falseBurials } = runScenario({ ...plan, scenario: "loss", lossPercent: 10 });
    expect([failures, falseBurials]).toEqual([[], 0]);
  });

  test("of which 30 die at once knows so within 40 s, on a network that loses 10 %", () => {
    const { failures, goalMs, falseBurials } = runScenario({ ...plan, scenario: "death", lossPercent: 10 });
    expect([failures, falseBurials]).toEqual([[], 0]);
    expect(goalMs).toBeLessThan(45_000);
  });

  test("that was cut in two is whole again within a minute", () => {
    const { failures, goalMs } = runScenario({ ...plan, scenario: "partition" });
    expect(failures).toEqual([]);
    expect(goalMs).toBeLessThan(85_000);
  });

  test("of which a tenth stalls again and again buries fewer of the others with Lifeguard than without", () => {
    const stalls = { ...plan, scenario: "stall", watchMs: 200_000 } as const;
    const [guarded, plain] = [runScenario(stalls), runScenario({ ...stalls, lifeguard: false })];
    expect([guarded.failures, plain.failures]).toEqual([[], []]);
    expect(plain.wrongedHealthy).toBeGreaterThan(4);
    expect(guarded.wrongedHealthy * 4).toBeLessThan(plain.wrongedHealthy);
  });

  test("does the same under the same seed", () => {
    const small = { ...plan, nodeCount: 40, lossPercent: 10 };
    expect(runScenario(small)).toEqual(runScenario(small));
    expect(runScenario({ ...small, seed: 2 }).lines).not.toEqual(runScenario(small).lines);
  });
});

test("one death among many is detected after e/(e − 1) periods, from a random moment of a period to its end", () => {
  expect(Math.round(expectedDetectionMs({ n: 1_000, probers: 999, periodMs: 1_000 }))).toBe(2_082);
});

test("a rumour needs rounds that grow with the logarithm of the nodes", () => {
  const rounds = [10, 100, 1_000, 10_000].map((n) => expectedRounds(n, 3));
  const steps = rounds.slice(1).map((value, i) => Math.round(100 * (value - (rounds[i] ?? 0))));
  expect(new Set(steps).size).toBe(1);
});

test("a spread names the middle and the ends", () => {
  expect(spread([5, 1, 3, 2, 4])).toEqual({ min: 1, median: 3, p95: 5, max: 5, mean: 3 });
});
