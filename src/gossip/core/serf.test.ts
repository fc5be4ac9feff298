/** Clauses of the protocol reference, gossip-serf; each test names its section. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { monotonicMs } from "../../lib/clock.ts";
import { serfCodec, type EncodableSerfMessage } from "../../wire/gossip/serf-codec.ts";
import { LamportClock, lamportTime, lamportTimeMax } from "./lamport.ts";
import { checkSerfOptions, serfLanDefaults, serfWanDefaults } from "./serf-options.ts";
import { events, statuses, take, TestPool, type TestNode } from "./serf-test-pool.ts";

const utf8 = new TextEncoder();

function hear(pool: TestPool, node: TestNode, message: EncodableSerfMessage): void {
  node.serf.userMessage(serfCodec.encode(message), monotonicMs(pool.nowMs));
}

function pair(): { pool: TestPool; a: TestNode; b: TestNode } {
  const pool = new TestPool(serfCodec);
  const [a, b] = pool.startAll("a", "b");
  if (a === undefined || b === undefined) throw new Error("no nodes");
  events(a);
  return { pool, a, b };
}

describe("§2 logical clocks", () => {
  test("a clock starts at 1 and moves beyond what it witnessed", () => {
    const clock = new LamportClock();
    expect(clock.time as number).toBe(1);
    clock.witness(lamportTime(0));
    expect(clock.time as number).toBe(1);
    clock.witness(lamportTime(41));
    expect(clock.time as number).toBe(42);
    clock.witness(lamportTime(41));
    expect(clock.time as number).toBe(42);
    clock.increment();
    expect(clock.time as number).toBe(43);
  });

  test("the highest time does not break a node", () => {
    const { pool, a } = pair();
    hear(pool, a, {
      kind: "userEvent",
      body: { LTime: lamportTimeMax, Name: "x", Payload: null, CC: false },
    });
    hear(pool, a, { kind: "join", body: { LTime: lamportTimeMax, Node: "b" } });
    expect(a.serf.userEvent("mine", utf8.encode("1"))).toBeUndefined();
    pool.settle();
    expect(statuses(a)).toEqual({ a: "alive", b: "alive" });
  });
});

describe("§3 members", () => {
  test("a node that dies has failed; one that said so has left", () => {
    const { pool, a, b } = pair();
    pool.kill(b);
    expect(statuses(a)).toEqual({ a: "alive", b: "failed" });
    expect(events(a)).toEqual(["failed b"]);
    const c = pool.start("c");
    pool.meet(a, c);
    pool.meet(c, a);
    c.serf.beginLeave();
    pool.settle();
    expect(statuses(a)).toMatchObject({ c: "leaving" });
    pool.kill(c);
    expect(events(a)).toEqual(["join c", "leave c"]);
    expect(statuses(a)).toMatchObject({ c: "left" });
  });

  test("a failed node that comes back is alive again", () => {
    const { pool, a, b } = pair();
    pool.kill(b);
    pool.meet(a, b);
    pool.settle();
    expect(events(a)).toEqual(["failed b", "join b"]);
    expect(take(a, "count").map(({ name }) => name)).toContain("serf.member.flap");
    expect(statuses(a)).toEqual({ a: "alive", b: "alive" });
  });

  test("a forced leave makes a failed node left, everywhere", () => {
    const pool = new TestPool(serfCodec);
    const [a, b, c] = pool.startAll("a", "b", "c");
    if (a === undefined || b === undefined || c === undefined) throw new Error("no nodes");
    pool.kill(b);
    for (const node of [a, c]) events(node);
    a.serf.forceLeave({ requestId: 7, node: "b", prune: false });
    pool.settle();
    expect(take(a, "forceLeft")).toEqual([{ kind: "forceLeft", requestId: 7, problem: undefined }]);
    for (const node of [a, c]) {
      expect(events(node)).toEqual(["leave b"]);
      expect(statuses(node)).toMatchObject({ b: "left" });
    }
  });

  test("a forced leave with prune forgets a failed node", () => {
    const pool = new TestPool(serfCodec);
    const [a, b, c] = pool.startAll("a", "b", "c");
    if (a === undefined || b === undefined || c === undefined) throw new Error("no nodes");
    pool.kill(b);
    for (const node of [a, c]) events(node);
    a.serf.forceLeave({ requestId: 1, node: "b", prune: true });
    pool.settle();
    for (const node of [a, c]) {
      expect(events(node)).toEqual(["leave b", "reap b"]);
      expect(statuses(node)).toEqual({ a: "alive", c: "alive" });
    }
  });

  test("a node that is alive refutes a forced leave, pruned or not", () => {
    const { pool, a } = pair();
    a.serf.forceLeave({ requestId: 1, node: "b", prune: true });
    expect(statuses(a)).toMatchObject({ b: "leaving" });
    pool.settle();
    expect(statuses(a)).toMatchObject({ b: "alive" });
    pool.pass(10_000);
    expect(statuses(a)).toMatchObject({ b: "alive" });
  });

  test("a node that is leaving and does not refute is forgotten after the leave had time to spread", () => {
    const { pool, a } = pair();
    const deaf = pool.swimNode("deaf");
    a.serf.nodeJoined(deaf, monotonicMs(pool.nowMs));
    a.serf.forceLeave({ requestId: 1, node: "deaf", prune: true });
    pool.pass(7_000);
    expect(statuses(a)).toMatchObject({ deaf: "leaving" });
    pool.pass(2_000);
    expect(statuses(a)).not.toHaveProperty("deaf");
    expect(events(a)).toEqual(["join deaf", "reap deaf"]);
  });

  test.each([
    { intents: [["join", 5]], status: "alive", told: 1 },
    { intents: [["leave", 5]], status: "leaving", told: 1 },
    {
      intents: [
        ["join", 5],
        ["leave", 5],
      ],
      status: "alive",
      told: 1,
    },
    {
      intents: [
        ["join", 5],
        ["leave", 6],
      ],
      status: "leaving",
      told: 2,
    },
    {
      intents: [
        ["leave", 6],
        ["join", 5],
      ],
      status: "leaving",
      told: 1,
    },
    {
      intents: [
        ["leave", 6],
        ["join", 7],
      ],
      status: "alive",
      told: 2,
    },
  ] as const)(
    "what is said of an unknown node counts once it appears: $intents",
    ({ intents, status, told }) => {
      const { pool, a, b } = pair();
      for (const [kind, LTime] of intents)
        hear(
          pool,
          a,
          kind === "join"
            ? { kind, body: { LTime, Node: "new" } }
            : { kind, body: { LTime, Node: "new", Prune: false } },
        );
      expect(a.serf.stats().intentQueue).toBe(told);
      a.serf.nodeJoined(pool.swimNode("new"), monotonicMs(pool.nowMs));
      expect(a.serf.member("new")?.status).toBe(status);
      expect(b.serf.member("new")).toBeUndefined();
    },
  );

  test("what is said of an unknown node is forgotten after five minutes", () => {
    const { pool, a } = pair();
    hear(pool, a, { kind: "leave", body: { LTime: 5, Node: "new", Prune: false } });
    pool.settle();
    pool.leap(301_000);
    pool.pass(16_000);
    a.serf.nodeJoined(pool.swimNode("new"), monotonicMs(pool.nowMs));
    expect(a.serf.member("new")?.status).toBe("alive");
  });

  test("an old intent changes nothing and is not told on", () => {
    const { pool, a } = pair();
    hear(pool, a, { kind: "join", body: { LTime: 9, Node: "b" } });
    pool.settle();
    hear(pool, a, { kind: "leave", body: { LTime: 9, Node: "b", Prune: true } });
    expect(a.serf.stats().intentQueue).toBe(0);
    expect(statuses(a)).toEqual({ a: "alive", b: "alive" });
  });

  test("updates carry the new tags", () => {
    const { pool, a, b } = pair();
    expect(b.serf.setTags({ role: "b", color: "red" })).toBeUndefined();
    pool.settle();
    expect(take(b, "announceMeta")).toHaveLength(1);
    a.serf.nodeUpdated({ ...b.swim, meta: b.serf.localMeta() }, monotonicMs(pool.nowMs));
    pool.settle();
    expect(events(a)).toEqual(["update b"]);
    expect(a.serf.member("b")?.tags).toEqual({ role: "b", color: "red" });
    expect(b.serf.setTags({ long: "x".repeat(600) })).toBe(
      "Encoded length of tags exceeds limit of 512 bytes",
    );
  });
});

describe("§3 leaving", () => {
  test("a leave is told, then SWIM leaves, then there is time for all to hear", () => {
    const { pool, a, b } = pair();
    expect(a.serf.beginLeave()).toBeUndefined();
    expect(take(a, "leaveSwim")).toHaveLength(0);
    pool.settle();
    expect(take(a, "leaveSwim")).toHaveLength(1);
    expect(statuses(b)).toMatchObject({ a: "leaving" });
    expect(a.serf.beginLeave()).toBe("Leave already in progress");
    a.serf.swimHasLeft();
    pool.pass(2_900);
    expect(take(a, "left")).toHaveLength(0);
    pool.pass(200);
    expect(take(a, "left")).toHaveLength(1);
    expect(a.serf.state).toBe("left");
    expect(a.serf.beginJoin(true)).toBe("Serf can't Join after Leave or Shutdown");
  });

  test("a lone node leaves at once", () => {
    const pool = new TestPool(serfCodec);
    const a = pool.start("a");
    a.serf.beginLeave();
    pool.settle();
    expect(take(a, "leaveSwim")).toHaveLength(1);
  });

  test("a leave that cannot be told goes on after five seconds", () => {
    const { pool, a } = pair();
    a.serf.beginLeave();
    const { wakeAtMs } = a.serf.takeEffects();
    expect(wakeAtMs as number).toBe(pool.nowMs + 5_000);
    a.serf.clock(wakeAtMs);
    expect(a.serf.takeEffects().list).toContainEqual({ kind: "leaveSwim" });
  });

  test("a forced leave that cannot be told says so", () => {
    const { pool, a } = pair();
    a.serf.nodeJoined(pool.swimNode("x"), monotonicMs(pool.nowMs));
    a.serf.forceLeave({ requestId: 3, node: "x", prune: false });
    a.serf.clock(monotonicMs(pool.nowMs + 5_000));
    expect(a.serf.takeEffects().list).toContainEqual({
      kind: "forceLeft",
      requestId: 3,
      problem: "timed out broadcasting node removal",
    });
  });
});

describe("§4 full exchanges", () => {
  test("carry events, clocks and who left; the newcomer asks for no old events", () => {
    const pool = new TestPool(serfCodec);
    const [a, b, c] = pool.startAll("a", "b", "c");
    if (a === undefined || b === undefined || c === undefined) throw new Error("no nodes");
    a.serf.userEvent("deploy", utf8.encode("1"));
    pool.settle();
    pool.kill(c);
    a.serf.forceLeave({ requestId: 1, node: "c", prune: false });
    pool.settle();
    const late = pool.start("late");
    pool.meet(late, a);
    pool.exchange(late, a);
    expect(take(late, "userEvent").map(({ event }) => event.name)).toEqual(["deploy"]);
    expect(late.serf.stats()).toMatchObject({ eventTime: 2 as never, queryTime: 1 as never });
    late.serf.nodeJoined(c.swim, monotonicMs(pool.nowMs));
    expect(statuses(late)).toMatchObject({ c: "leaving" });

    const picky = pool.start("picky");
    expect(picky.serf.beginJoin(true)).toBeUndefined();
    pool.exchange(picky, a, true);
    picky.serf.endJoin(true, 1);
    pool.settle();
    expect(take(picky, "userEvent")).toEqual([]);
    a.serf.userEvent("deploy", utf8.encode("2"));
    pool.settle();
    expect(take(picky, "userEvent").map(({ event }) => event.lamportTime as number)).toEqual([2]);
  });

  test("a join is told to everybody", () => {
    const { pool, a, b } = pair();
    pool.pass(1);
    a.serf.beginJoin(true);
    a.serf.endJoin(true, 1);
    pool.settle();
    expect(b.serf.stats().memberTime as number).toBeGreaterThan(1);
    expect(statuses(b)).toEqual({ a: "alive", b: "alive" });
  });

  test("a node that is said to have left says that it is here", () => {
    const { pool, a, b } = pair();
    pool.exchange(a, b);
    const state = serfCodec.encode({
      kind: "pushPull",
      body: {
        LTime: 9,
        StatusLTimes: { a: 7, b: 3 },
        LeftMembers: ["a"],
        EventLTime: 1,
        Events: [],
        QueryLTime: 1,
      },
    });
    a.serf.mergeState(state, false, monotonicMs(pool.nowMs));
    pool.settle();
    expect(statuses(a)).toEqual({ a: "alive", b: "alive" });
    expect(statuses(b)).toEqual({ a: "alive", b: "alive" });
  });

  test("an empty state is 512 slots, as the reference sends it", () => {
    const pool = new TestPool(serfCodec);
    const c1 = pool.start("c1");
    expect(c1.serf.localState(true).length).toBe(586);
  });
});

describe("§5 user events", () => {
  test("reach everybody once", () => {
    const { pool, a, b } = pair();
    a.serf.userEvent("x", utf8.encode("1"));
    a.serf.userEvent("x", utf8.encode("1"));
    pool.settle();
    for (const node of [a, b])
      expect(new Set(take(node, "userEvent").map(({ event }) => event.lamportTime as number))).toEqual(
        new Set([1, 2]),
      );
  });

  test("same time, other payload: two events; the same again: none", () => {
    const { pool, a } = pair();
    for (const payload of ["1", "2", "1"])
      hear(pool, a, {
        kind: "userEvent",
        body: { LTime: 4, Name: "x", Payload: utf8.encode(payload), CC: false },
      });
    expect(a.serf.stats().eventQueue).toBe(2);
    pool.settle();
    expect(take(a, "userEvent")).toHaveLength(2);
  });

  test.each([
    { LTime: 1, delivered: 0 },
    { LTime: 487, delivered: 0 },
    { LTime: 488, delivered: 0 },
    { LTime: 489, delivered: 1 },
    { LTime: 999, delivered: 1 },
  ])("with the clock at 1001, one of time $LTime is delivered $delivered times", ({ LTime, delivered }) => {
    const { pool, a } = pair();
    hear(pool, a, { kind: "userEvent", body: { LTime: 1_000, Name: "new", Payload: null, CC: false } });
    hear(pool, a, { kind: "userEvent", body: { LTime, Name: "old", Payload: null, CC: false } });
    pool.settle();
    expect(take(a, "userEvent").filter(({ event }) => event.name === "old")).toHaveLength(delivered);
  });

  test("are limited in size before and after encoding", () => {
    const { a } = pair();
    expect(a.serf.userEvent("x", new Uint8Array(512))).toBe(
      "user event exceeds configured limit of 512 bytes before encoding",
    );
    expect(a.serf.userEvent("x", new Uint8Array(500))).toBe(
      "encoded user event exceeds configured limit of 512 bytes after encoding",
    );
    expect(a.serf.stats().eventTime as number).toBe(1);
  });
});

describe("§7 timers", () => {
  test("failed and left members are forgotten in time", () => {
    const { pool, a, b } = pair();
    pool.kill(b);
    pool.leap(serfLanDefaults.reconnectTimeoutMs - 20_000);
    pool.pass(15_000);
    expect(statuses(a)).toHaveProperty("b");
    pool.pass(25_000);
    expect(statuses(a)).toEqual({ a: "alive" });
    expect(events(a)).toEqual(["failed b", "reap b"]);
  });

  test.each([
    { rc_tm: "10s", forgotten: true },
    { rc_tm: "200h", forgotten: false },
    { rc_tm: "0s", forgotten: false },
    { rc_tm: "soon", forgotten: false },
  ])("a member may say for how long: $rc_tm", ({ rc_tm, forgotten }) => {
    const { pool, a } = pair();
    const node = pool.swimNode("x", serfCodec.encodeTags({ rc_tm }));
    a.serf.nodeJoined(node, monotonicMs(pool.nowMs));
    a.serf.nodeLeft(node, monotonicMs(pool.nowMs));
    pool.pass(40_000);
    expect(a.serf.member("x") === undefined).toBe(forgotten);
  });

  test("a failed member is tried again about once an interval", () => {
    const { pool, a, b } = pair();
    pool.kill(b);
    pool.pass(30_000 * 10);
    const tries = take(a, "reconnect");
    expect(tries).toHaveLength(10);
    expect(tries[0]?.address).toBe("b/10.0.0.2:8301");
  });

  test("queues that are too long lose what was told most", () => {
    const { pool, a } = pair();
    for (let time = 1; time <= 5_000; time += 1)
      hear(pool, a, { kind: "join", body: { LTime: time, Node: `x${time}` } });
    a.serf.clock(monotonicMs(pool.nowMs + 30_000));
    expect(a.serf.stats().intentQueue).toBe(4_096);
  });

  test("what is kept of unknown nodes is bounded", () => {
    const pool = new TestPool(serfCodec);
    const options = { ...serfLanDefaults, recentIntentsMax: 100 };
    const a = pool.start("a", { options });
    for (let time = 1; time <= 1_000; time += 1)
      hear(pool, a, { kind: "leave", body: { LTime: time, Node: `x${time}`, Prune: false } });
    pool.settle();
    a.serf.nodeJoined(pool.swimNode("x1"), monotonicMs(pool.nowMs));
    a.serf.nodeJoined(pool.swimNode("x1000"), monotonicMs(pool.nowMs));
    expect(statuses(a)).toMatchObject({ x1: "alive", x1000: "leaving" });
  });

  test("options are checked", () => {
    expect(checkSerfOptions(serfLanDefaults)).toEqual([]);
    expect(checkSerfOptions(serfWanDefaults)).toEqual([]);
    expect(checkSerfOptions({ ...serfLanDefaults, reapIntervalMs: 0, userEventBytesMax: 10_000 })).toEqual([
      "reapIntervalMs must be a whole number of at least 1, not 0",
      "user event size limit exceeds limit of 9216 bytes",
    ]);
  });
});

describe("packets", () => {
  test("intents go before queries before events", () => {
    const { a } = pair();
    a.serf.userEvent("e", utf8.encode("1"));
    a.serf.query({ queryId: 1, name: "q", payload: utf8.encode("1") });
    a.serf.forceLeave({ requestId: 1, node: "b", prune: false });
    const types = (bytesMax: number): readonly number[] =>
      a.serf.broadcasts({ overheadBytes: 3, bytesMax }).map((bytes) => bytes[0] ?? -1);
    expect(types(1_400)).toEqual([0, 4, 3]);
    expect(types(40)).toEqual([0]);
    expect(types(10)).toEqual([]);
  });
});

test("hostile messages never throw and break nothing", () => {
  const { pool, a, b } = pair();
  const text = fc.constantFrom("a", "b", "c", "_serf_conflict", "");
  const time = fc.oneof(fc.nat(2_000), fc.constant(lamportTimeMax));
  const payload = fc.option(fc.uint8Array({ maxLength: 20 }));
  const message: fc.Arbitrary<EncodableSerfMessage> = fc.oneof(
    fc.record({
      kind: fc.constant("leave" as const),
      body: fc.record({ LTime: time, Node: text, Prune: fc.boolean() }),
    }),
    fc.record({ kind: fc.constant("join" as const), body: fc.record({ LTime: time, Node: text }) }),
    fc.record({
      kind: fc.constant("userEvent" as const),
      body: fc.record({ LTime: time, Name: text, Payload: payload, CC: fc.boolean() }),
    }),
    fc.record({
      kind: fc.constant("queryResponse" as const),
      body: fc.record({ LTime: time, ID: fc.nat(9), From: text, Flags: fc.nat(3), Payload: payload }),
    }),
    fc.record({
      kind: fc.constant("query" as const),
      body: fc.record({
        LTime: time,
        ID: fc.nat(9),
        Addr: fc.constantFrom(Uint8Array.of(10, 0, 0, 2), Uint8Array.of(1), null),
        Port: fc.constantFrom(8301, 0),
        SourceNode: text,
        Filters: fc.option(fc.array(fc.option(fc.uint8Array({ maxLength: 6 })), { maxLength: 2 })),
        Flags: fc.nat(3),
        RelayFactor: fc.nat(3),
        Timeout: fc.nat(),
        Name: text,
        Payload: payload,
      }),
    }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(message, fc.uint8Array({ maxLength: 30 })), { maxLength: 30 }),
      (messages) => {
        for (const one of messages) {
          const bytes = one instanceof Uint8Array ? one : serfCodec.encode(one);
          a.serf.userMessage(bytes, monotonicMs(pool.nowMs));
          b.serf.mergeState(bytes, true, monotonicMs(pool.nowMs));
        }
        pool.settle();
        pool.exchange(a, b, true);
      },
    ),
    { numRuns: 200 },
  );
  expect(statuses(a)).toHaveProperty("a", "alive");
});
