import { expect, test } from "bun:test";
import { checkOptions, defaultRaftOptions, raftOptionTable, scaledRaftOptions } from "./options.ts";

test("the defaults are complete and sound", () => {
  expect(Object.keys(defaultRaftOptions)).toEqual(Object.keys(raftOptionTable));
  expect(checkOptions(defaultRaftOptions)).toEqual([]);
});

test("a multiplier scales the timeouts and nothing else", () => {
  const scaled = scaledRaftOptions(5);
  expect(scaled).toEqual({
    ...defaultRaftOptions,
    heartbeatTimeoutMs: 5_000,
    electionTimeoutMs: 5_000,
    leaderLeaseTimeoutMs: 2_500,
  });
  expect(checkOptions(scaledRaftOptions(10))).toEqual([]);
});

test("every problem is told at once", () => {
  const options = {
    ...defaultRaftOptions,
    appendEntriesMax: 0,
    commitTimeoutMs: 1.5,
    leaderLeaseTimeoutMs: 2_000,
  };
  expect(checkOptions(options)).toEqual([
    "commitTimeoutMs must be a whole number",
    "appendEntriesMax must be between 1 and 4096",
    "leaderLeaseTimeoutMs must not exceed heartbeatTimeoutMs",
  ]);
});
