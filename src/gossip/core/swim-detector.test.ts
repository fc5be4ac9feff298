/** The rules of the reference's section 6 one by one: probing, helping others probe, judging oneself. */
import { describe, expect, test } from "bun:test";
import type { GossipMessage } from "../../wire/gossip/messages.ts";
import type { SwimEffects } from "./swim-effects.ts";
import { addressOf, aliveOf, sent, TestNode } from "./swim-test-kit.ts";

/** No gossip, so that packets hold probes only; one probe a second from a known moment on. */
const options = { gossipNodes: 0, retransmitMult: 1 } as const;

/** A node that knows others, with its own news already told. */
function knowing(names: readonly string[], o = {}): TestNode {
  const n = new TestNode("a", { options: { ...options, ...o } });
  n.hear(...names.map((name) => aliveOf(name)));
  return n;
}

const isNews = ({ kind }: GossipMessage): boolean => kind === "alive" || kind === "dead";
const probes = (effects: readonly SwimEffects[]): { to: string; message: GossipMessage }[] =>
  sent(...effects)
    .filter(({ message }) => !isNews(message))
    .map(({ to, message }) => ({ to: to.host, message }));
const kinds = (effects: readonly SwimEffects[]): string[] =>
  probes(effects).map(({ message }) => message.kind);

/** Runs up to the moment of the next ping; answers its number and to whom it went. */
function nextPing(n: TestNode): { seqNo: number; to: string; node: string } {
  for (let ms = 0; ms < 20_000; ms += 1) {
    const { wakeAtMs } = n.swim.inside();
    const found = probes(n.pass(Math.max(wakeAtMs - n.nowMs, 0)));
    for (const { to, message } of found)
      if (message.kind === "ping") return { seqNo: message.seqNo, to, node: message.node };
  }
  throw new Error("no ping came");
}

describe("a probe", () => {
  test("goes to one node per interval, from a random moment on, and names sender and target", () => {
    const n = knowing(["b"]);
    const ping = nextPing(n);
    expect(n.nowMs).toBeLessThan(1_000);
    expect(ping).toEqual({ seqNo: 1, to: addressOf("b").host, node: "b" });
    const startMs = n.nowMs;
    n.hear({ kind: "ack", seqNo: 1, payload: null });
    expect(nextPing(n).seqNo).toBe(2);
    expect(n.nowMs - startMs).toBe(1_000);
  });

  test("answered directly measures the way for the layer above", () => {
    const n = knowing(["b"]);
    const { seqNo } = nextPing(n);
    n.pass(20);
    n.hear({ kind: "ack", seqNo, payload: Uint8Array.of(7) });
    expect(n.delegate.rtts).toEqual([{ name: "b", rttMs: 20, payload: Uint8Array.of(7) }]);
    expect([n.sees("b"), n.swim.status().healthScore]).toEqual(["alive 1", 0]);
  });

  test("answered through others measures nothing, but counts", () => {
    const n = knowing(["b", "c"]);
    const { seqNo, node } = nextPing(n);
    n.pass(600);
    n.hear({ kind: "ack", seqNo, payload: null });
    n.pass(399);
    expect([n.delegate.rtts, n.sees(node), n.swim.status().healthScore]).toEqual([[], "alive 1", 0]);
  });

  test("unanswered asks three random others for help and tries TCP, then suspects", () => {
    const n = knowing(["b", "c", "d", "e", "f"]);
    const { seqNo, node, to } = nextPing(n);
    n.pass(499);
    const [help, ...rest] = n.pass(1).filter(({ datagrams }) => datagrams.length > 0);
    expect(rest).toEqual([]);
    const asked = probes(help === undefined ? [] : [help]);
    expect(asked.map(({ message }) => message)).toEqual(
      Array.from({ length: 3 }, () => ({
        kind: "indirectPing",
        seqNo,
        node,
        target: addressOf(node),
        nack: true,
        source: addressOf("a"),
        sourceNode: "a",
      })),
    );
    expect(new Set(asked.map((one) => one.to)).size).toBe(3);
    expect(asked.map((one) => one.to)).not.toContain(to);
    expect(help?.streamPings).toEqual([
      {
        seqNo,
        to: addressOf(node),
        node,
        message: { kind: "ping", seqNo, node, source: addressOf("a"), sourceNode: "a" },
        timeoutMs: 500,
      },
    ]);
    n.pass(499);
    expect(n.sees(node)).toBe("alive 1");
    n.pass(1);
    expect(n.sees(node)).toBe("suspect 1");
    expect(n.logs).toContain(`info: Suspect ${node} has failed, no acks received`);
  });

  test("that may take longer than the interval ends with it: helpers asked in vain count against this node", () => {
    const n = knowing(["b", "c", "d", "e"], { probeTimeoutMs: 5_000 });
    const { node } = nextPing(n);
    expect(kinds(n.pass(999))).toEqual([]);
    const last = n.pass(1);
    expect(kinds(last).filter((kind) => kind === "indirectPing").length).toBe(3);
    expect(last.flatMap(({ streamPings }) => streamPings)).toEqual([]);
    expect([n.sees(node), n.swim.status().healthScore]).toEqual(["suspect 1", 3]);
    // The next probe lasts longer, since this node doubts itself: four intervals.
    const startMs = n.nowMs;
    while (n.swim.status().healthScore === 3) n.pass(1);
    expect(n.nowMs - startMs).toBe(4_000);
  });

  test("never happens with an interval of 0", () => {
    const n = knowing(["b"], { probeIntervalMs: 0 });
    expect(kinds(n.pass(60_000))).toEqual([]);
  });

  test("goes by TCP only to those that can, and not where that is switched off", () => {
    const old = knowing([]);
    old.hear(aliveOf("b", { vsn: [1, 2, 2, 2, 5, 4] }));
    const off = knowing(["b"], { streamPings: false });
    for (const n of [old, off]) {
      nextPing(n);
      expect(n.pass(900).flatMap(({ streamPings }) => streamPings)).toEqual([]);
    }
  });

  test("answered by TCP alone counts at the deadline, with a warning", () => {
    const n = knowing(["b"]);
    const { seqNo } = nextPing(n);
    n.pass(600);
    n.step({ kind: "streamPingAnswered", seqNo, message: { kind: "ack", seqNo, payload: null } });
    n.pass(400);
    expect(n.sees("b")).toBe("alive 1");
    expect(n.logs.at(-1)).toBe(
      "warn: Was able to connect to b over TCP but UDP probes failed, network may be misconfigured",
    );
  });

  test.each([
    {
      message: { kind: "ack", seqNo: 77, payload: null },
      log: "error: Failed fallback TCP ping: Sequence number from ack (77) doesn't match ping (1)",
    },
    {
      message: { kind: "error", text: "no" },
      log: "error: Failed fallback TCP ping: Unexpected msgType (error) from ping",
    },
  ] as const)("answered by TCP with nonsense does not count", ({ message, log }) => {
    const n = knowing(["b"]);
    const { seqNo } = nextPing(n);
    n.pass(600);
    n.step({ kind: "streamPingAnswered", seqNo, message });
    n.pass(400);
    expect([n.sees("b"), n.logs.includes(log)]).toEqual(["suspect 1", true]);
  });

  test("that finds no connection is what one expects of the dead; other errors are logged", () => {
    const n = knowing(["b"]);
    const { seqNo } = nextPing(n);
    n.pass(600);
    n.step({ kind: "streamPingFailed", seqNo, reason: undefined });
    n.step({ kind: "streamPingFailed", seqNo, reason: "EOF" });
    expect(n.logs.filter((line) => line.startsWith("error"))).toEqual([
      "error: Failed fallback TCP ping: EOF",
    ]);
  });

  test("of a suspect tells it so at once, with nothing else in the packet", () => {
    const n = knowing(["b"], { suspicionMult: 60 });
    n.hear({ kind: "suspect", node: "b", from: "c", incarnation: 3 });
    n.pass(10);
    const { seqNo } = nextPing(n);
    expect(seqNo).toBe(1);
    const again = new TestNode("a", { options: { ...options, suspicionMult: 60 } });
    again.hear(aliveOf("b"), { kind: "suspect", node: "b", from: "c", incarnation: 3 });
    const packets = again.pass(1_000).flatMap(({ datagrams }) => datagrams);
    expect(packets.length).toBe(1);
    expect(packets[0]?.crc).toBe(true);
    expect(sent({ ...again.step(), datagrams: packets }).map(({ message }) => message)).toEqual([
      { kind: "ping", seqNo: 1, node: "b", source: addressOf("a"), sourceNode: "a" },
      { kind: "suspect", node: "b", from: "a", incarnation: 3 },
    ]);
  });

  test("accuses of what was known when it began: a refutation in between makes it void", () => {
    const n = knowing(["b"]);
    nextPing(n);
    n.pass(700);
    n.hear(aliveOf("b", { incarnation: 2 }));
    n.pass(300);
    expect(n.sees("b")).toBe("alive 2");
  });

  test("passes over the dead, the left and this node", () => {
    const n = knowing(["b", "c", "d"]);
    n.hear(
      { kind: "dead", node: "b", from: "x", incarnation: 1 },
      { kind: "dead", node: "c", from: "c", incarnation: 1 },
    );
    const met = new Set<string>();
    for (let turn = 0; turn < 8; turn += 1) {
      const { seqNo, node } = nextPing(n);
      met.add(node);
      n.hear({ kind: "ack", seqNo, payload: null });
    }
    expect([...met]).toEqual(["d"]);
  });

  test("forgets, at the turn of a round, who is gone for long", () => {
    const n = knowing(["b", "c", "d"]);
    n.hear(
      { kind: "dead", node: "b", from: "x", incarnation: 1 },
      { kind: "dead", node: "c", from: "c", incarnation: 1 },
    );
    const seen: string[] = [];
    for (let second = 0; second < 33; second += 1) {
      const { seqNo } = nextPing(n);
      n.hear({ kind: "ack", seqNo, payload: null });
      seen.push(`${n.sees("b")}, ${n.sees("c")}`);
    }
    expect([seen[28], seen[32]]).toEqual(["dead 1, left 1", "unknown, unknown"]);
    expect(n.swim.status().counts).toEqual({ alive: 2, suspect: 0, dead: 0, left: 0 });
  });

  test("that outlasts a tick makes the next one begin right after it", () => {
    const n = knowing(["b", "c"], { indirectChecks: 0 });
    n.hear({ kind: "suspect", node: "a", from: "x", incarnation: 1 });
    expect(n.swim.status().healthScore).toBe(1);
    nextPing(n);
    const startMs = n.nowMs;
    n.pass(1_999);
    expect(n.counted.filter((name) => name === "memberlist.degraded.probe").length).toBe(1);
    nextPing(n);
    expect(n.nowMs - startMs).toBe(2_000);
  });

  test("ticks slept through do not pile up", () => {
    const n = knowing(["b"]);
    const { seqNo } = nextPing(n);
    n.hear({ kind: "ack", seqNo, payload: null });
    n.nowMs = (n.nowMs + 10_300) as typeof n.nowMs;
    expect(kinds([n.step()])).toEqual(["ping"]);
    expect(n.swim.inside().wakeAtMs - n.nowMs).toBeGreaterThan(0);
  });
});

describe("this node's own health", () => {
  /** The score after one failed probe with so many nacks heard, from a score of 0. */
  function afterFailure(names: readonly string[], nackCount: number, vsn?: readonly number[]): number {
    const n = knowing(names);
    if (vsn !== undefined) for (const name of names) n.hear(aliveOf(name, { vsn, incarnation: 2 }));
    const { seqNo } = nextPing(n);
    n.pass(600);
    for (let i = 0; i < nackCount; i += 1) n.hear({ kind: "nack", seqNo });
    n.pass(400);
    return n.swim.status().healthScore;
  }

  test.each([
    { title: "three helpers, none of which answers", names: ["b", "c", "d", "e"], nackCount: 0, score: 3 },
    { title: "three helpers, one nack", names: ["b", "c", "d", "e"], nackCount: 1, score: 2 },
    { title: "three helpers, three nacks", names: ["b", "c", "d", "e"], nackCount: 3, score: 0 },
    { title: "more nacks than helpers", names: ["b", "c", "d", "e"], nackCount: 9, score: 0 },
    { title: "one helper, none left to ask", names: ["b", "c"], nackCount: 0, score: 1 },
    { title: "nobody to ask", names: ["b"], nackCount: 0, score: 1 },
  ])("after a failed probe with $title it is $score", ({ names, nackCount, score }) => {
    expect(afterFailure(names, nackCount)).toBe(score);
  });

  test("helpers of old versions send no nacks, so none is missed", () => {
    expect(afterFailure(["b", "c", "d", "e"], 0, [1, 3, 2, 2, 5, 4])).toBe(1);
  });

  test("a good probe makes it better", () => {
    const n = knowing(["b"]);
    n.hear({ kind: "suspect", node: "a", from: "x", incarnation: 1 });
    expect(n.swim.status().healthScore).toBe(1);
    const { seqNo } = nextPing(n);
    n.hear({ kind: "ack", seqNo, payload: null });
    expect(n.swim.status().healthScore).toBe(0);
  });
});

describe("answering", () => {
  test("a ping is answered to where its sender says it is, with what the layer above adds", () => {
    const n = new TestNode("a", { options });
    const source = { host: "10.8.8.8", port: 9 };
    const answer = n.hear({ kind: "ping", seqNo: 9, node: "a", source });
    const [first] = sent(answer);
    expect(first).toEqual({
      to: source,
      message: { kind: "ack", seqNo: 9, payload: new TextEncoder().encode("coordinate") },
    });
    const old = sent(
      n.hear(
        { kind: "ping", seqNo: 9, node: "" },
        { kind: "ping", seqNo: 8, node: "a", source: { host: "1.1.1.1", port: 0 } },
      ),
    );
    expect(old.map(({ to }) => to)).toEqual([addressOf("elsewhere"), addressOf("elsewhere")]);
  });

  test("a ping for another node is dropped, by UDP and TCP", () => {
    const n = new TestNode("a", { options });
    expect(n.hear({ kind: "ping", seqNo: 9, node: "b" }).datagrams).toEqual([]);
    const ping = { kind: "ping", seqNo: 9, node: "b" } as const;
    expect(n.step({ kind: "streamPing", inboundId: 4, message: ping }).streamReplies).toEqual([
      { inboundId: 4, message: undefined },
    ]);
    expect(
      n.step({ kind: "streamPing", inboundId: 5, message: { ...ping, node: "a" } }).streamReplies,
    ).toEqual([{ inboundId: 5, message: { kind: "ack", seqNo: 9, payload: null } }]);
  });
});

describe("helping another node probe", () => {
  const asker = addressOf("asker");
  const ask = {
    kind: "indirectPing",
    seqNo: 70,
    node: "t",
    target: addressOf("t"),
    nack: true,
    source: asker,
  } as const;
  const helper = (o = {}): TestNode => new TestNode("a", { options: { ...options, ...o } });
  const own = (n: TestNode, o = {}): { seqNo: number; to: string } => {
    const [first] = probes([n.hear({ ...ask, ...o })]);
    if (first?.message.kind !== "ping") throw new Error("the helper probes");
    expect(first.message).toMatchObject({ node: "t", source: addressOf("a"), sourceNode: "a" });
    return { seqNo: first.message.seqNo, to: first.to };
  };

  test("an ack goes back under the asker's number, without payload", () => {
    const n = helper();
    const { seqNo, to } = own(n);
    expect(to).toBe(addressOf("t").host);
    const answer = sent(n.hear({ kind: "ack", seqNo, payload: Uint8Array.of(1) }));
    expect(answer).toEqual([{ to: asker, message: { kind: "ack", seqNo: 70, payload: null } }]);
    expect(kinds(n.pass(2_000))).toEqual([]);
  });

  test("silence for a probe timeout gives a nack, and a late ack then nothing", () => {
    const n = helper();
    const { seqNo } = own(n);
    expect(kinds(n.pass(499))).toEqual([]);
    expect(sent(...n.pass(1))).toEqual([{ to: asker, message: { kind: "nack", seqNo: 70 } }]);
    expect(sent(n.hear({ kind: "ack", seqNo, payload: null }))).toEqual([]);
  });

  test("who wants no nack gets none", () => {
    const n = helper();
    own(n, { nack: false });
    expect(kinds(n.pass(2_000))).toEqual([]);
  });

  test("without a source the answer goes to where the packet came from", () => {
    const n = helper();
    const [first] = probes([
      n.hear({ kind: "indirectPing", seqNo: 5, node: "t", target: addressOf("t"), nack: true }),
    ]);
    expect(first?.to).toBe(addressOf("t").host);
    expect(sent(...n.pass(500)).map(({ to }) => to)).toEqual([addressOf("elsewhere")]);
  });

  test("port 0 of the target means this node's own bind port", () => {
    const n = helper();
    const [answer] = sent(n.hear({ ...ask, target: { host: "10.7.7.7", port: 0 } }));
    expect(answer?.to).toEqual({ host: "10.7.7.7", port: 8301 });
  });

  test("no more than a limit at once", () => {
    const n = helper({ relaysMax: 2 });
    const messages = [ask, ask, ask];
    expect(kinds([n.hear(...messages)])).toEqual(["ping", "ping"]);
    expect(n.counted).toContain("memberlist.relays.refused");
  });
});
