import { expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { JoinExhaustedError, retryJoin } from "./retry-join.ts";
import { ManualClock } from "../lib/manual-clock.ts";

function setUp(outcomes: readonly (number | Error)[]) {
  const clock = new ManualClock();
  const asked: (readonly string[])[] = [];
  const join = (addresses: readonly string[]): Promise<number> => {
    const outcome = outcomes[Math.min(asked.length, outcomes.length - 1)] ?? 0;
    asked.push(addresses);
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  };
  return { parts: { clock, log: silentLog }, clock, asked, join };
}

test("it tries until it has joined", async () => {
  const { parts, clock, asked, join } = setUp([new Error("refused"), new Error("refused"), 1]);
  const options = { addresses: ["a", "b"], intervalMs: 1_000, attemptsMax: undefined, join };
  const done = retryJoin(parts, options, new AbortController().signal);
  await clock.pass(2_500);
  await done;
  expect(asked).toEqual([
    ["a", "b"],
    ["a", "b"],
    ["a", "b"],
  ]);
});

test("it gives up after the last attempt", async () => {
  const { parts, clock, asked, join } = setUp([new Error("refused")]);
  const options = { addresses: ["a"], intervalMs: 1_000, attemptsMax: 2, join };
  const done = retryJoin(parts, options, new AbortController().signal);
  const outcome = done.then(
    () => undefined,
    (error: unknown) => error,
  );
  await clock.pass(10_000);
  expect(await outcome).toBeInstanceOf(JoinExhaustedError);
  expect(asked).toHaveLength(3);
});

test("it stops when aborted, and does nothing without addresses", async () => {
  const { parts, clock, asked, join } = setUp([new Error("refused")]);
  const aborter = new AbortController();
  const options = { intervalMs: 1_000, attemptsMax: undefined, join };
  await retryJoin(parts, { ...options, addresses: [] }, aborter.signal);
  const done = retryJoin(parts, { ...options, addresses: ["a", "provider=aws x=y"] }, aborter.signal);
  await clock.pass(1_500);
  aborter.abort();
  await done;
  expect(asked).toEqual([["a"], ["a"]]);
});
