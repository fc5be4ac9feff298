import { describe, expect, test } from "bun:test";
import {
  parseHistory,
  renderRecord,
  type Action,
  type Operation,
  type Result,
  type Seen,
} from "./history.ts";
import { parseAnswer } from "./http.ts";
import { judge } from "./judge.ts";
import { toResult } from "./recorder.ts";

const run = { kind: "run", seed: 1, servers: 3, faults: ["partition"], program: "p" } as const;

function operation(parts: {
  readonly at: readonly [number, number];
  readonly action: Action;
  readonly result: Result;
  readonly server?: number;
  readonly key?: string;
}): Operation {
  const { at, action, result, server = 1, key = "k" } = parts;
  const [startUs, endUs] = at;
  return { kind: "operation", client: 1, server, incarnation: 1, key, action, startUs, endUs, result };
}

const done: Result = { kind: "written", succeeded: true };
const refused: Result = { kind: "written", succeeded: false };
const lost: Result = { kind: "unknown", why: "timeout" };
const put = (value: string): Action => ({ kind: "put", value });
const get = (mode: "default" | "consistent" | "stale"): Action => ({ kind: "get", mode });
const saw = (value: string, modifyIndex: number, more: Partial<Seen> = {}): Result => ({
  kind: "read",
  seen: { value, modifyIndex, createIndex: 1, lockIndex: 0, session: "", ...more },
});

const verdict = (...operations: readonly Operation[]): unknown => {
  const { violations, undecided, leaseReads } = judge({ run, operations, faults: [] });
  return { violations: violations.length, undecided: undecided.length, leaseReads: leaseReads.length };
};
const good = { violations: 0, undecided: 0, leaseReads: 0 };
const bad = { ...good, violations: 1 };

describe("a key", () => {
  const first = operation({ at: [0, 10], action: put("a"), result: done });
  const second = operation({ at: [20, 30], action: put("b"), result: done });

  test("conditional writes follow the index that was read", () => {
    const read = operation({ at: [11, 12], action: get("default"), result: saw("a", 5) });
    const cas = (result: Result): Operation =>
      operation({ at: [40, 50], action: { kind: "cas", value: "c", index: 5 }, result });
    expect(verdict(first, read, cas(done))).toEqual(good);
    expect(verdict(first, read, cas(refused))).toEqual(bad);
    expect(verdict(first, read, second, cas(refused))).toEqual(good);
    expect(verdict(first, read, second, cas(done))).toEqual(bad);
    expect(verdict(first, read, second, cas(lost))).toEqual(good);
  });

  test("a conditional delete, and a write where there must be nothing", () => {
    const read = operation({ at: [11, 12], action: get("default"), result: saw("a", 5) });
    const gone = operation({ at: [13, 14], action: { kind: "delete-cas", index: 5 }, result: done });
    const create = operation({ at: [15, 16], action: { kind: "cas", value: "c", index: 0 }, result: done });
    expect(verdict(first, read, gone, create)).toEqual(good);
    expect(verdict(first, read, create)).toEqual(bad);
    // There is nothing any more, and that is what was asked for.
    expect(verdict(first, read, gone, { ...gone, startUs: 17, endUs: 18 })).toEqual(good);
  });

  test("what certainly did nothing, and reads without an answer, say nothing", () => {
    const unsent = operation({ at: [11, 12], action: put("x"), result: { kind: "failed", why: "refused" } });
    const unread = operation({ at: [13, 14], action: get("consistent"), result: lost });
    expect(verdict(first, unsent, unread)).toEqual(good);
    expect(
      verdict(first, unsent, operation({ at: [15, 16], action: get("default"), result: saw("x", 9) })),
    ).toEqual(bad);
  });

  test("a value with two indexes was written twice", () => {
    const reads = [5, 7].map((index) =>
      operation({ at: [11, 12], action: get("stale"), result: saw("a", index) }),
    );
    expect(verdict(first, ...reads)).toEqual(bad);
  });

  test("stale reads may be old, but not from the future, nor go back on one server", () => {
    const stale = (at: readonly [number, number], result: Result, server = 1): Operation =>
      operation({ at, action: get("stale"), result, server });
    expect(verdict(first, second, stale([40, 41], saw("a", 5)))).toEqual(good);
    expect(verdict(first, stale([11, 12], saw("b", 6)), second)).toEqual(bad);
    const newer = stale([40, 41], saw("b", 6));
    expect(verdict(first, second, newer, stale([42, 43], saw("a", 5)))).toEqual(bad);
    expect(verdict(first, second, newer, stale([42, 43], saw("a", 5), 2))).toEqual(good);
    expect(verdict(first, second, newer, stale([40, 43], saw("a", 5)))).toEqual(good);
  });

  test("a deposed leader may answer default reads, and only those, while it does not know", () => {
    const old = (mode: "default" | "consistent"): Operation =>
      operation({ at: [40, 41], action: get(mode), result: saw("a", 5) });
    const fault = { kind: "fault", servers: [1], startUs: 35, endUs: 50 } as const;
    const judged = (read: Operation, name: string): unknown => {
      const found = judge({ run, operations: [first, second, read], faults: [{ ...fault, name }] });
      return [found.violations.length, found.leaseReads.length];
    };
    expect(judged(old("default"), "partition")).toEqual([0, 1]);
    expect(judged(old("default"), "kill")).toEqual([1, 0]);
    // What it saw still tells what its index means.
    const cas = operation({ at: [42, 43], action: { kind: "cas", value: "c", index: 5 }, result: refused });
    const { violations, leaseReads } = judge({
      run,
      operations: [first, second, old("default"), cas],
      faults: [{ ...fault, name: "partition" }],
    });
    expect([violations.length, leaseReads.length]).toEqual([0, 1]);
    expect(judged(old("consistent"), "partition")).toEqual([1, 0]);
    expect(judged({ ...old("default"), startUs: 9_000_000, endUs: 9_000_001 }, "partition")).toEqual([1, 0]);
  });
});

describe("a lock", () => {
  const key = "lock/1";
  const acquire = (at: readonly [number, number], session: string, result: Result = done): Operation =>
    operation({ at, key, action: { kind: "acquire", session, value: `${session}${at[0]}` }, result });

  test("has one holder", () => {
    const release = operation({
      at: [20, 30],
      key,
      action: { kind: "release", session: "s", value: "r" },
      result: done,
    });
    expect(
      verdict(acquire([0, 1], "s"), acquire([2, 3], "t", refused), release, acquire([40, 41], "t")),
    ).toEqual(good);
    expect(verdict(acquire([0, 1], "s"), acquire([2, 3], "t"))).toEqual(bad);
    expect(verdict(acquire([0, 1], "s", lost), acquire([2, 3], "t"))).toEqual(good);
  });

  test("is seen with its holder", () => {
    const seen = (session: string, lockIndex: number): Operation =>
      operation({
        at: [10, 11],
        key,
        action: get("consistent"),
        result: saw("s0", 4, { session, lockIndex }),
      });
    expect(verdict(acquire([0, 1], "s"), seen("s", 1))).toEqual(good);
    expect(verdict(acquire([0, 1], "s"), seen("", 1))).toEqual(bad);
    expect(verdict(acquire([0, 1], "s"), seen("s", 2))).toEqual(bad);
  });
});

test("a history comes back from its lines", () => {
  const fault = { kind: "fault", name: "kill", servers: [2], startUs: 1, endUs: 2 } as const;
  const one = operation({ at: [0, 1], action: put("é\n"), result: done });
  expect(parseHistory([run, one, fault].map((record) => `${renderRecord(record)}\n`).join(""))).toEqual({
    run,
    operations: [one],
    faults: [fault],
  });
  expect(() => parseHistory("{}\n")).toThrow("line 1 is no record of a history");
  expect(() => parseHistory("")).toThrow("no line says what was run");
});

describe("what became of a request", () => {
  test.each<{ action: Action; outcome: Parameters<typeof toResult>[1]; result: Result }>([
    { action: put("a"), outcome: { kind: "unsent", why: "x" }, result: { kind: "failed", why: "x" } },
    { action: put("a"), outcome: { kind: "lost", why: "x" }, result: { kind: "unknown", why: "x" } },
    { action: put("a"), outcome: { kind: "answer", status: 200, body: "true\n" }, result: done },
    { action: put("a"), outcome: { kind: "answer", status: 200, body: "false" }, result: refused },
    {
      action: put("a"),
      outcome: { kind: "answer", status: 500, body: "No cluster leader" },
      result: { kind: "failed", why: "No cluster leader" },
    },
    {
      action: put("a"),
      outcome: { kind: "answer", status: 500, body: "leadership lost while committing log" },
      result: { kind: "unknown", why: "500 leadership lost while committing log" },
    },
    { action: get("stale"), outcome: { kind: "answer", status: 404, body: "" }, result: { kind: "read" } },
    {
      action: get("stale"),
      outcome: {
        kind: "answer",
        status: 200,
        body: '[{"Value":"YQ==","ModifyIndex":5,"CreateIndex":1,"LockIndex":0,"Flags":0}]',
      },
      result: saw("a", 5),
    },
  ])("outcome %#", ({ action, outcome, result }) => {
    expect(toResult(action, outcome)).toEqual(result);
  });

  test.each([
    { text: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue", body: "true" },
    { text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntrue\r\n0\r\n\r\n", body: "true" },
    { text: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntru", body: undefined },
    { text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntrue\r\n", body: undefined },
    { text: "HTTP/1.1 200 O", body: undefined },
  ])("an answer is whole or none %#", ({ text, body }) => {
    expect(parseAnswer(Buffer.from(text), false)?.body).toBe(body);
  });
});
