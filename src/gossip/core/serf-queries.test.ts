/** Clauses of the protocol reference, gossip-serf section 6: queries, relays, keys, name conflicts. */
import { describe, expect, test } from "bun:test";
import { monotonicMs } from "../../lib/clock.ts";
import { serfCodec } from "../../wire/gossip/serf-codec.ts";
import { SerfQuery } from "../../wire/gossip/serf-messages.ts";
import type { KeyOperationResult, SerfEffect } from "./serf-effects.ts";
import { take, TestPool, type TestNode } from "./serf-test-pool.ts";

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function trio(): { pool: TestPool; a: TestNode; b: TestNode; c: TestNode } {
  const pool = new TestPool(serfCodec);
  const [a, b, c] = pool.startAll("a", "b", "c");
  if (a === undefined || b === undefined || c === undefined) throw new Error("no nodes");
  return { pool, a, b, c };
}

/** Every node that was asked answers with its name. */
function answer(pool: TestPool, ...nodes: readonly TestNode[]): void {
  for (const node of nodes)
    for (const { query } of take(node, "query")) node.serf.respond(query, utf8.encode(node.swim.name));
  pool.settle();
}

describe("queries", () => {
  test("reach all, are acknowledged and answered once by each, and end", () => {
    const { pool, a, b, c } = trio();
    expect(a.serf.query({ queryId: 5, name: "q", payload: utf8.encode("?"), ack: true })).toBeUndefined();
    pool.settle();
    expect(new Set(take(a, "queryAck").map(({ from }) => from))).toEqual(new Set(["a", "b", "c"]));
    answer(pool, a, b, c);
    const answers = take(a, "queryResponse").map(({ from, payload }) => [from, text(payload)]);
    expect(Object.fromEntries(answers)).toEqual({ a: "a", b: "b", c: "c" });
    pool.pass(3_100);
    expect(take(a, "queryDone")).toEqual([]);
    pool.pass(200);
    expect(take(a, "queryDone")).toEqual([{ kind: "queryDone", queryId: 5 }]);
  });

  test.each<{
    readonly nodes: readonly string[] | undefined;
    readonly tags: Readonly<Record<string, string>> | undefined;
    readonly meant: readonly string[];
  }>([
    { nodes: ["b"], tags: undefined, meant: ["b"] },
    { nodes: ["b", "c", "x"], tags: { role: "^c$" }, meant: ["c"] },
    { nodes: undefined, tags: { role: "a|c" }, meant: ["a", "c"] },
    { nodes: undefined, tags: { role: ".", missing: "^$" }, meant: ["a", "b", "c"] },
    { nodes: undefined, tags: { missing: "." }, meant: [] },
  ])("filters by nodes $nodes and tags $tags", ({ nodes, tags, meant }) => {
    const { pool, a, b, c } = trio();
    a.serf.query({
      queryId: 1,
      name: "q",
      payload: utf8.encode("?"),
      ack: true,
      ...(nodes === undefined ? {} : { nodes }),
      ...(tags === undefined ? {} : { tags }),
    });
    pool.settle();
    const asked = [a, b, c].filter((node) => take(node, "query").length > 0).map(({ swim }) => swim.name);
    expect(asked).toEqual([...meant]);
    expect(
      take(a, "queryAck")
        .map(({ from }) => from)
        .toSorted(),
    ).toEqual([...meant]);
  });

  test("an unknown filter means nobody, but the query is told on", () => {
    const { pool, a } = trio();
    const query = {
      LTime: 3,
      ID: 1,
      Addr: Uint8Array.of(10, 0, 0, 9),
      Port: 1,
      SourceNode: "x",
      Filters: [Uint8Array.of(9)],
      Flags: 1,
      RelayFactor: 0,
      Timeout: 1e9,
      Name: "q",
      Payload: null,
    };
    a.serf.userMessage(serfCodec.encode({ kind: "query", body: query }), monotonicMs(pool.nowMs));
    expect(a.serf.stats().queryQueue).toBe(1);
    const { list } = a.serf.takeEffects();
    expect(list.filter(({ kind }) => kind === "send" || kind === "query")).toEqual([]);
    const quiet = { ...query, ID: 2, Filters: null, Flags: 2 };
    a.serf.userMessage(serfCodec.encode({ kind: "query", body: quiet }), monotonicMs(pool.nowMs));
    expect(a.serf.stats().queryQueue).toBe(1);
  });

  test("an answer that is too long, late or double is refused", () => {
    const { pool, a, b } = trio();
    a.serf.query({ queryId: 1, name: "q", payload: utf8.encode("?") });
    pool.settle();
    const query = take(b, "query")[0]?.query;
    if (query === undefined) throw new Error("b was not asked");
    expect(b.serf.respond(query, new Uint8Array(1_024))).toBe("response exceeds limit of 1024 bytes");
    expect(b.serf.respond(query, utf8.encode("1"))).toBeUndefined();
    expect(b.serf.respond(query, utf8.encode("1"))).toBe("response already sent");
    const late = take(a, "query")[0]?.query;
    pool.pass(10_000);
    if (late === undefined) throw new Error("a was not asked");
    expect(a.serf.respond(late, utf8.encode("1"))).toBe("response is past the deadline");
  });

  test("a query that is too long is refused", () => {
    const { a } = trio();
    expect(a.serf.query({ queryId: 1, name: "q", payload: new Uint8Array(1_000) })).toBe(
      "query exceeds limit of 1024 bytes",
    );
  });

  test.each([
    { members: 1, timeoutMs: 3_200 },
    { members: 9, timeoutMs: 3_200 },
    { members: 10, timeoutMs: 6_400 },
  ])("with $members alive the default timeout is $timeoutMs ms", ({ members, timeoutMs }) => {
    const pool = new TestPool(serfCodec);
    const a = pool.start("a");
    for (let i = 1; i < members; i += 1) a.serf.nodeJoined(pool.swimNode(`x${i}`), monotonicMs(pool.nowMs));
    a.serf.query({ queryId: 1, name: "q", payload: utf8.encode("") });
    a.serf.clock(monotonicMs(pool.nowMs + timeoutMs - 1));
    expect(a.serf.takeEffects().list.some(({ kind }) => kind === "queryDone")).toBe(false);
    a.serf.clock(monotonicMs(pool.nowMs + timeoutMs));
    expect(a.serf.takeEffects().list.some(({ kind }) => kind === "queryDone")).toBe(true);
  });

  test("two at once both end where a peer has moved the clock to its end, and times are all the same", () => {
    const { pool, a } = trio();
    const last = Number.MAX_SAFE_INTEGER - 1;
    const body = { ...SerfQuery.zero, LTime: last, ID: 7, SourceNode: "b" };
    a.serf.userMessage(serfCodec.encode({ kind: "query", body }), monotonicMs(pool.nowMs));
    for (const queryId of [1, 2])
      expect(a.serf.query({ queryId, name: "q", payload: utf8.encode("?") })).toBeUndefined();
    pool.pass(4_000);
    expect(take(a, "queryDone").map(({ queryId }) => queryId)).toEqual([1, 2]);
  });

  test("copies of answers go through others and count once", () => {
    const { pool, a, b, c } = trio();
    a.serf.query({ queryId: 1, name: "q", payload: utf8.encode("?"), ack: true, relayFactor: 2 });
    pool.settle();
    answer(pool, a, b, c);
    expect(take(a, "queryResponse")).toHaveLength(3);
    const names = take(a, "count").map(({ name }) => name);
    expect(names.filter((name) => name === "serf.query_duplicate_responses").length).toBeGreaterThan(2);
    expect(names.filter((name) => name === "serf.query_duplicate_acks").length).toBeGreaterThan(2);
  });

  test("too few members to relay: only the direct answer", () => {
    const { pool, a, b, c } = trio();
    a.serf.query({ queryId: 1, name: "q", payload: utf8.encode("?"), relayFactor: 3 });
    pool.settle();
    answer(pool, a, b, c);
    expect(take(a, "queryResponse")).toHaveLength(3);
    expect(take(a, "count").filter(({ name }) => name.includes("duplicate"))).toEqual([]);
  });

  test("a ping is only acknowledged", () => {
    const { pool, a, b } = trio();
    a.serf.query({ queryId: 1, name: "_serf_ping", payload: utf8.encode(""), ack: true });
    pool.settle();
    expect(take(a, "queryAck")).toHaveLength(3);
    expect(take(b, "query")).toEqual([]);
  });
});

/** A pool whose nodes have the same keys, or none. */
function keyed(isEncrypted: boolean): { pool: TestPool; nodes: readonly TestNode[] } {
  const pool = new TestPool(serfCodec);
  const nodes = ["a", "b", "c"].map((name) => pool.start(name, { isEncrypted }));
  for (const node of nodes) for (const other of nodes) if (node !== other) pool.meet(node, other);
  pool.settle();
  return { pool, nodes };
}

/** Every local keyring does what `result` says for the operations it is asked for. */
function operate(nodes: readonly TestNode[], result: (node: TestNode) => KeyOperationResult): number {
  let operations = 0;
  for (const node of nodes)
    for (const { operationId } of take(node, "keyOperation")) {
      operations += 1;
      node.serf.keyOperationDone(operationId, result(node));
    }
  return operations;
}

const done: KeyOperationResult = { problem: "", keys: [], primaryKey: "" };

function asked(nodes: readonly TestNode[]): TestNode {
  const [first] = nodes;
  if (first === undefined) throw new Error("no nodes");
  return first;
}

describe("keyring", () => {
  test("a key is installed on every node, and the answer comes as soon as all have said so", () => {
    const { pool, nodes } = keyed(true);
    const a = asked(nodes);
    const key = utf8.encode("0123456789abcdef");
    expect(a.serf.keyring({ requestId: 4, operation: "install", key })).toBeUndefined();
    pool.settle();
    expect(take(a, "keyOperation").map((effect) => ({ ...effect, operationId: 0 }))).toEqual([
      { kind: "keyOperation", operationId: 0, operation: "install", key },
    ]);
    a.serf.keyOperationDone(1, done);
    expect(operate(nodes, () => done)).toBe(2);
    pool.settle();
    expect(take(a, "keyringAnswered")).toEqual([
      {
        kind: "keyringAnswered",
        requestId: 4,
        answer: {
          messages: {},
          keys: {},
          primaryKeys: { "": 3 },
          nodeCount: 3,
          responseCount: 3,
          failureCount: 0,
          problem: undefined,
        },
      },
    ]);
    pool.pass(10_000);
    expect(take(a, "keyringAnswered")).toEqual([]);
  });

  test("keys are counted over the nodes", () => {
    const { pool, nodes } = keyed(true);
    const a = asked(nodes);
    a.serf.keyring({ requestId: 1, operation: "list", key: new Uint8Array() });
    pool.settle();
    operate(nodes, (node) => ({
      problem: "",
      keys: node === a ? ["one", "two"] : ["one"],
      primaryKey: "one",
    }));
    pool.settle();
    const answer = take(a, "keyringAnswered")[0]?.answer;
    expect(answer?.keys).toEqual({ one: 3, two: 1 });
    expect(answer?.primaryKeys).toEqual({ one: 3 });
  });

  test("a failure and a silence are told apart", () => {
    const { pool, nodes } = keyed(true);
    const a = asked(nodes);
    a.serf.keyring({ requestId: 1, operation: "use", key: utf8.encode("0123456789abcdef") });
    pool.settle();
    operate(nodes, (node) =>
      node.swim.name === "b" ? { ...done, problem: "Requested key is not in the keyring" } : done,
    );
    pool.settle();
    const failed = take(a, "keyringAnswered")[0]?.answer;
    expect(failed?.problem).toBe("1/3 nodes reported failure");
    expect(failed?.messages).toEqual({ b: "Requested key is not in the keyring" });

    a.serf.keyring({ requestId: 2, operation: "remove", key: utf8.encode("0123456789abcdef") });
    pool.settle();
    operate(nodes.slice(0, 2), () => done);
    pool.pass(4_000);
    expect(take(a, "keyringAnswered")[0]?.answer.problem).toBe("2/3 nodes reported success");
  });

  test("a pool without encryption has no keys", () => {
    const { pool, nodes } = keyed(false);
    const a = asked(nodes);
    a.serf.keyring({ requestId: 1, operation: "list", key: new Uint8Array() });
    a.serf.keyring({ requestId: 2, operation: "remove", key: new Uint8Array(16) });
    pool.settle();
    const answers = Object.fromEntries(take(a, "keyringAnswered").map((one) => [one.requestId, one.answer]));
    expect(answers[1]?.messages["b"]).toBe("Keyring is empty (encryption not enabled)");
    expect(answers[2]?.messages["c"]).toBe("No keyring to modify (encryption not enabled)");
    expect(answers[2]?.problem).toBe("3/3 nodes reported failure");
  });

  test("a list that does not fit is cut, and says so", () => {
    const { pool, nodes } = keyed(true);
    const a = asked(nodes);
    a.serf.keyring({ requestId: 1, operation: "list", key: new Uint8Array() });
    pool.settle();
    const keys = Array.from({ length: 50 }, (_, at) => String(at).padStart(24, "x"));
    operate(nodes, () => ({ problem: "", keys, primaryKey: keys[0] ?? "" }));
    pool.settle();
    const answer = take(a, "keyringAnswered")[0]?.answer;
    const shown = Object.keys(answer?.keys ?? {}).length;
    expect(shown).toBeGreaterThan(30);
    expect(shown).toBeLessThan(40);
    expect(answer?.messages["b"]).toBe(`truncated key list response, showing first ${shown} of 50 keys`);
    expect(answer?.problem).toBeUndefined();
  });

  test("an answer that is none counts as a failure", () => {
    const { pool, nodes } = keyed(true);
    const a = asked(nodes);
    a.serf.keyring({ requestId: 1, operation: "list", key: new Uint8Array() });
    pool.settle();
    const bogus = serfCodec.encode({
      kind: "queryResponse",
      body: { LTime: 1, ID: sentQueryId(nodes), From: "x", Flags: 0, Payload: Uint8Array.of(9, 1) },
    });
    a.serf.userMessage(bogus, monotonicMs(pool.nowMs));
    pool.pass(4_000);
    expect(take(a, "keyringAnswered")[0]?.answer.messages).toEqual({
      x: "Invalid key query response type: [9 1]",
    });
  });
});

/** The id of the query that was heard last, from a node that would answer it. */
function sentQueryId(nodes: readonly TestNode[]): number {
  const b = nodes[1];
  const operation = b === undefined ? undefined : take(b, "keyOperation")[0];
  if (b === undefined || operation === undefined) throw new Error("b was not asked");
  b.serf.keyOperationDone(operation.operationId, { problem: "", keys: [], primaryKey: "" });
  const sent = b.serf
    .takeEffects()
    .list.find((one): one is Extract<SerfEffect, { kind: "send" }> => one.kind === "send");
  const message = serfCodec.decode(sent?.bytes ?? new Uint8Array());
  if (message.kind !== "queryResponse") throw new Error(message.kind);
  return message.body.ID;
}

describe("name conflicts", () => {
  test("the one that most know stays", () => {
    const { pool, a } = trio();
    const claimed = { ...a.swim, address: { host: "10.0.0.99", port: 8301 } };
    a.serf.conflict(a.swim, claimed, monotonicMs(pool.nowMs));
    a.serf.conflict(a.swim, claimed, monotonicMs(pool.nowMs));
    pool.pass(4_000);
    expect(take(a, "shutdown")).toEqual([]);
    expect(take(a, "log").map(({ message }) => message)).toContain(
      "serf: majority in name conflict resolution [2 / 2]",
    );
  });

  test("the other one goes", () => {
    const { pool, a, b, c } = trio();
    const elsewhere = { ...a.swim, address: { host: "10.0.0.99", port: 8301 } };
    for (const node of [b, c]) node.serf.nodeUpdated(elsewhere, monotonicMs(pool.nowMs));
    a.serf.conflict(a.swim, elsewhere, monotonicMs(pool.nowMs));
    pool.pass(4_000);
    expect(take(a, "shutdown")).toHaveLength(1);
    expect(a.serf.state).toBe("shutdown");
  });

  test("servers only complain", () => {
    const pool = new TestPool(serfCodec);
    const a = pool.start("a", { resolveNameConflicts: false });
    a.serf.conflict(a.swim, { ...a.swim, address: { host: "10.0.0.9", port: 1 } }, monotonicMs(pool.nowMs));
    pool.pass(4_000);
    expect(take(a, "shutdown")).toEqual([]);
    expect(take(a, "log").map(({ message }) => message)).toContain(
      "serf: Node name conflicts with another node at 10.0.0.9:1. Names must be unique! (Resolution enabled: false)",
    );
  });
});

describe("coordinates", () => {
  test("move with each answered probe, and are kept per peer until it is forgotten", () => {
    const { pool, a, b } = trio();
    a.serf.pingCompleted(b.swim, 12, b.serf.ackPayload());
    expect(a.serf.coordinate()).not.toEqual(b.serf.coordinate());
    expect(a.serf.coordinateOf("b")).toEqual(b.serf.coordinate());
    expect(a.serf.coordinateOf("a")).toEqual(a.serf.coordinate());
    a.serf.pingCompleted(b.swim, 12, Uint8Array.of(2));
    a.serf.pingCompleted(b.swim, 12, new Uint8Array());
    pool.kill(b);
    a.serf.forceLeave({ requestId: 1, node: "b", prune: true });
    expect(a.serf.coordinateOf("b")).toBeUndefined();
  });

  test("can be off", () => {
    const pool = new TestPool(serfCodec);
    const a = pool.start("a", { coordinates: false });
    expect(a.serf.ackPayload()).toEqual(new Uint8Array());
    expect(a.serf.coordinate()).toBeUndefined();
  });
});
