import { describe, expect, test } from "bun:test";
import { monotonicMs } from "../../lib/clock.ts";
import { seededRng } from "../../lib/rng.ts";
import { serfCodec } from "../../wire/gossip/serf-codec.ts";
import { lamportTime } from "./lamport.ts";
import { SerfSnapshot } from "./serf-snapshot.ts";
import { take, TestPool } from "./serf-test-pool.ts";

const utf8 = new TextEncoder();
const open = (text: string, rejoinAfterLeave = false): SerfSnapshot =>
  new SerfSnapshot({ text, rejoinAfterLeave });
const nodes = (snapshot: SerfSnapshot): readonly string[] =>
  snapshot.previousNodes(seededRng(1), "self").toSorted();

describe("replay", () => {
  test("the last word counts", () => {
    const snapshot = open(
      "alive: c1 127.0.0.1:21321\nalive: s1 127.0.0.1:21301\nclock: 1\nevent-clock: 2\nalive: with space [::1]:8301\n" +
        "# comment\ncoordinate: {}\nnot-alive: s1\nclock: 3\nquery-clock: 7\nalive: self 10.0.0.1:1\n",
    );
    expect(nodes(snapshot)).toEqual(["c1/127.0.0.1:21321", "with space/[::1]:8301"]);
    expect(snapshot.times).toEqual({ clock: 3, event: 2, query: 7 });
    expect(snapshot.warnings).toEqual([]);
  });

  test("half a line, as a crash leaves it, does not count, and what follows is whole", () => {
    const snapshot = open("clock: 5\nclock: 9");
    expect(snapshot.times.clock).toBe(5);
    snapshot.clock(lamportTime(11), monotonicMs(0), true);
    expect(snapshot.take()).toEqual({ kind: "append", text: "\nclock: 10\n" });
    expect(open("clock: 5\nclock: 9\nclock: 10\n").times.clock).toBe(10);
  });

  test("nonsense is skipped with a word", () => {
    const snapshot = open("alive: nothing\nclock: x\nclock: 99999999999999999999\nwhat\nclock: 4\n");
    expect(snapshot.times.clock).toBe(4);
    expect(snapshot.warnings).toHaveLength(4);
  });

  test("a leave clears everything, unless the node is to come back", () => {
    const text = "alive: a 10.0.0.1:1\nclock: 5\nleave\n";
    expect(nodes(open(text))).toEqual([]);
    expect(open(text).times.clock).toBe(0);
    expect(nodes(open(text, true))).toEqual(["a/10.0.0.1:1"]);
    expect(open(text, true).times.clock).toBe(5);
  });

  test("previous nodes come in an order that depends on the seed", () => {
    const text = Array.from({ length: 20 }, (_, at) => `alive: n${at} 10.0.0.1:${at + 1}\n`).join("");
    expect(open(text).previousNodes(seededRng(1), "")).not.toEqual(
      open(text).previousNodes(seededRng(2), ""),
    );
  });
});

test("the file is replaced by what is left of it when it has grown", () => {
  const snapshot = open("");
  let bytes = 0;
  let replaced = "";
  for (let time = 2; replaced === "" && time < 100_000; time += 1) {
    snapshot.clock(lamportTime(time), monotonicMs(0), true);
    snapshot.event(lamportTime(time));
    const write = snapshot.take();
    bytes += write?.text.length ?? 0;
    if (write?.kind === "replace") replaced = write.text;
  }
  expect(bytes).toBeGreaterThan(128 * 1024);
  expect(bytes).toBeLessThan(132 * 1024);
  expect(replaced).toMatch(/^clock: \d+\nevent-clock: \d+\nquery-clock: 0\n$/);
});

describe("a serf with a snapshot", () => {
  test("writes members and clocks, and takes up after a restart where it was", () => {
    const pool = new TestPool(serfCodec);
    const snapshot = open("");
    const a = pool.start("a", { snapshot });
    const b = pool.start("b");
    pool.meet(a, b);
    pool.meet(b, a);
    b.serf.userEvent("x", utf8.encode("1"));
    b.serf.query({ queryId: 1, name: "q", payload: utf8.encode("") });
    b.serf.beginJoin(false);
    b.serf.endJoin(false, 1);
    pool.settle();
    pool.pass(1_000);
    const text = take(a, "snapshotAppend")
      .map((effect) => effect.text)
      .join("");
    expect(text).toBe(
      "alive: a 10.0.0.1:8301\nalive: b 10.0.0.2:8301\nquery-clock: 1\nevent-clock: 1\nclock: 1\n",
    );

    const again = pool.start("again", { snapshot: open(text) });
    pool.meet(again, b);
    pool.exchange(again, b);
    expect(take(again, "userEvent")).toEqual([]);
    expect(again.serf.stats()).toMatchObject({ eventTime: 2 as never, queryTime: 2 as never });
  });

  test("forgets its pool when it leaves", () => {
    const pool = new TestPool(serfCodec);
    const a = pool.start("a", { snapshot: open("") });
    const b = pool.start("b");
    pool.meet(a, b);
    pool.settle();
    a.serf.beginLeave();
    pool.kill(b);
    pool.settle();
    const text = take(a, "snapshotAppend")
      .map((effect) => effect.text)
      .join("");
    expect(text.endsWith("leave\n")).toBe(true);
    expect(nodes(open(text))).toEqual([]);
  });
});
