import { describe, expect, test } from "bun:test";
import type { NodeState, PushNodeState, PushPullMessage } from "../../wire/gossip/messages.ts";
import { addressOf, aliveOf, TestNode } from "./swim-test-kit.ts";
import { consulVersions } from "./swim-options.ts";

const quiet = { probeIntervalMs: 3_600_000, gossipNodes: 0 } as const;
const bytes = (label: string): Uint8Array => new TextEncoder().encode(label);
const listed = (name: string, state: NodeState = "alive", o: Partial<PushNodeState> = {}): PushNodeState => ({
  name,
  state,
  address: addressOf(name),
  incarnation: 1,
  meta: new Uint8Array(),
  vsn: consulVersions,
  ...o,
});
const whole = (nodes: readonly PushNodeState[], o: Partial<PushPullMessage> = {}): PushPullMessage => ({
  kind: "pushPull",
  join: false,
  nodes,
  userState: bytes("upper"),
  ...o,
});
const from = addressOf("peer");

describe("joining", () => {
  test("sends all it knows to the given address and merges the answer", () => {
    const n = new TestNode("a", { options: quiet });
    n.delegate.state = bytes("mine");
    const to = addressOf("b");
    const { exchanges } = n.step({ kind: "join", joinId: 5, to, node: "b" });
    expect(exchanges).toEqual([
      {
        exchangeId: 1,
        to,
        node: "b",
        timeoutMs: 10_000,
        message: whole([listed("a")], { join: true, userState: bytes("mine") }),
      },
    ]);
    const answer = whole([listed("b"), listed("c")], { join: true });
    const { outcomes } = n.step({ kind: "exchangeAnswered", exchangeId: 1, message: answer });
    expect(outcomes).toEqual([{ kind: "joined", joinId: 5, problem: undefined }]);
    expect(n.delegate.seen).toEqual([
      "joined a",
      "state join=true",
      "mayMerge b,c",
      "joined b",
      "joined c",
      "merge upper join=true",
    ]);
  });

  test.each([
    {
      title: "the peer answers with an error",
      message: { kind: "error", text: "Encryption is configured but remote state is not encrypted" },
      problem: "remote error: Encryption is configured but remote state is not encrypted",
    },
    {
      title: "the peer answers something else",
      message: { kind: "ack", seqNo: 1, payload: null },
      problem: `received invalid msgType (ack), expected pushPullMsg (6) from=${addressOf("b").host}:8301`,
    },
    {
      title: "the peer speaks another version",
      message: whole([listed("b", "alive", { vsn: [1, 5, 2, 5, 5, 5] })]),
      problem: "Node 'a' delegate protocol version (4) is incompatible: [5, 5]",
    },
  ] as const)("fails if $title", ({ message, problem }) => {
    const n = new TestNode("a", { options: quiet });
    n.step({ kind: "join", joinId: 5, to: addressOf("b") });
    const { outcomes } = n.step({ kind: "exchangeAnswered", exchangeId: 1, message });
    const [outcome] = outcomes;
    expect(outcome).toEqual({ kind: "joined", joinId: 5, problem });
    expect(n.sees("b")).toBe("unknown");
  });

  test("fails if the layer above refuses, and then nothing is merged", () => {
    const n = new TestNode("a", { options: quiet });
    n.delegate.refuseMerge = "Member 'b' part of wrong datacenter 'dc2'";
    n.step({ kind: "join", joinId: 5, to: addressOf("b") });
    const { outcomes } = n.step({ kind: "exchangeAnswered", exchangeId: 1, message: whole([listed("b")]) });
    expect(outcomes).toEqual([
      { kind: "joined", joinId: 5, problem: "Member 'b' part of wrong datacenter 'dc2'" },
    ]);
    expect(n.sees("b")).toBe("unknown");
  });

  test("fails if there is no answer; a second report is ignored", () => {
    const n = new TestNode("a", { options: quiet });
    n.step({ kind: "join", joinId: 5, to: addressOf("b") });
    const failed = { kind: "exchangeFailed", exchangeId: 1, reason: "i/o timeout" } as const;
    expect(n.step(failed, failed).outcomes).toEqual([{ kind: "joined", joinId: 5, problem: "i/o timeout" }]);
  });
});

describe("being called", () => {
  test("answers with what it knew before, then merges", () => {
    const n = new TestNode("a", { options: quiet });
    const { streamReplies } = n.step({
      kind: "pushPullRequest",
      inboundId: 3,
      from,
      message: whole([listed("b")], { join: true }),
    });
    expect(streamReplies).toEqual([
      { inboundId: 3, message: whole([listed("a")], { join: true, userState: new Uint8Array() }) },
    ]);
    expect(n.sees("b")).toBe("alive 1");
  });

  test("answers even whom it refuses; only its log tells", () => {
    const n = new TestNode("a", { options: quiet });
    n.delegate.refuseMerge = "no";
    const message = whole([listed("b")], { join: true });
    expect(n.step({ kind: "pushPullRequest", inboundId: 3, from, message }).streamReplies.length).toBe(1);
    expect([n.sees("b"), n.logs]).toEqual([
      "unknown",
      [`error: Failed push/pull merge: no from=${from.host}:8301`],
    ]);
  });

  test("asks the layer above only about joins", () => {
    const n = new TestNode("a", { options: quiet });
    n.delegate.refuseMerge = "no";
    n.step({ kind: "pushPullRequest", inboundId: 3, from, message: whole([listed("b")]) });
    expect(n.sees("b")).toBe("alive 1");
  });

  test("an empty state of the layer above is not merged", () => {
    const n = new TestNode("a", { options: quiet });
    n.step({
      kind: "pushPullRequest",
      inboundId: 3,
      from,
      message: whole([], { userState: new Uint8Array() }),
    });
    expect(n.delegate.seen).toEqual(["joined a", "state join=false"]);
  });
});

describe("merging", () => {
  test.each([
    { known: false, state: "alive", after: "alive 1" },
    { known: false, state: "suspect", after: "unknown" },
    { known: false, state: "dead", after: "unknown" },
    { known: false, state: "left", after: "unknown" },
    { known: true, state: "alive", after: "alive 1" },
    { known: true, state: "suspect", after: "suspect 1" },
    { known: true, state: "dead", after: "suspect 1" },
    { known: true, state: "left", after: "left 1" },
  ] as const)("a node (known: $known) listed as $state is $after", ({ known, state, after }) => {
    const n = new TestNode("a", { options: quiet });
    if (known) n.hear(aliveOf("b"));
    n.step({ kind: "pushPullRequest", inboundId: 1, from, message: whole([listed("b", state)]) });
    expect(n.sees("b")).toBe(after);
  });

  test("a death by hearsay is this node's own accusation", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear(aliveOf("b"));
    n.step({ kind: "pushPullRequest", inboundId: 1, from, message: whole([listed("b", "dead")]) });
    const [item] = n.swim
      .inside()
      .news.queue.view()
      .filter(({ name }) => name === "b");
    expect(new TextDecoder().decode(item?.bytes)).toContain('"from":"a"');
  });

  test("being listed as dead oneself is refuted", () => {
    const n = new TestNode("a", { options: quiet });
    n.step({
      kind: "pushPullRequest",
      inboundId: 1,
      from,
      message: whole([listed("a", "dead", { incarnation: 8 })]),
    });
    expect(n.sees("a")).toBe("alive 9");
  });
});

describe("the periodic exchange", () => {
  test("calls one random node that is alive, and later repairs what it says", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear(aliveOf("b"), aliveOf("c"), aliveOf("d"));
    n.hear(
      { kind: "dead", node: "c", from: "x", incarnation: 1 },
      { kind: "dead", node: "d", from: "d", incarnation: 1 },
    );
    const calls = n.pass(90_000).flatMap(({ exchanges }) => exchanges);
    expect(calls.map(({ node, message }) => [node, message.join])).toEqual([
      ["b", false],
      ["b", false],
    ]);
    n.step({ kind: "exchangeFailed", exchangeId: 2, reason: "i/o timeout" });
    expect(n.logs).toEqual(["error: Push/Pull with b failed: i/o timeout"]);
  });

  test("comes soon after a join, and then more and more rarely until it is as rare as usual", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear(aliveOf("b"));
    n.pass(200_000);
    const join = (joinId: number): number =>
      n.step({ kind: "join", joinId, to: addressOf("b"), node: "b" }).exchanges[0]?.exchangeId ?? 0;
    n.step({ kind: "exchangeFailed", exchangeId: join(1), reason: "i/o timeout" });
    // A join that failed changes nothing.
    expect(n.pass(60_000).flatMap(({ exchanges }) => exchanges).length).toBe(2);
    n.step({ kind: "exchangeAnswered", exchangeId: join(2), message: whole([], { join: true }) });
    const gapsMs: number[] = [];
    let lastMs: number = n.nowMs;
    while (gapsMs.length < 7) {
      if (n.pass(100).some(({ exchanges }) => exchanges.length > 0)) {
        gapsMs.push(n.nowMs - lastMs);
        lastMs = n.nowMs;
      }
    }
    for (const [at, leastMs] of [1_000, 2_000, 4_000, 8_000].entries()) {
      expect(gapsMs[at]).toBeGreaterThanOrEqual(leastMs - 100);
      expect(gapsMs[at]).toBeLessThanOrEqual(2 * leastMs + 100);
    }
    expect(gapsMs.slice(5)).toEqual([30_000, 30_000]);
  });

  test("is rarer in a large pool", () => {
    const n = new TestNode("a", { options: { ...quiet, suspicionMult: 4 } });
    n.hear(...Array.from({ length: 99 }, (_, i) => aliveOf(`n${i}`)));
    n.pass(60_000);
    const before = n.nowMs;
    const calls = n.pass(360_000).flatMap(({ exchanges }) => exchanges);
    // 100 nodes: every 90 s.
    expect([calls.length, n.nowMs - before]).toEqual([4, 360_000]);
  });

  test("with nobody there it calls nobody", () => {
    const n = new TestNode("a", { options: quiet });
    expect(n.pass(300_000).flatMap(({ exchanges }) => exchanges)).toEqual([]);
  });
});
