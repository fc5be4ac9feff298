/**
 * Clauses of the papers, each with its section.
 *
 * SWIM: Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership
 * Protocol", 2002.
 * Lifeguard: Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection", 2018.
 */
import { describe, expect, test } from "bun:test";
import type { GossipMessage } from "../../wire/gossip/messages.ts";
import { retransmitLimit } from "./scaling.ts";
import { addressOf, aliveOf, sent, TestNode } from "./swim-test-kit.ts";

const quiet = { probeIntervalMs: 3_600_000, gossipNodes: 0 } as const;
const about = (kind: "alive" | "suspect" | "dead", incarnation: number): GossipMessage =>
  kind === "alive" ? aliveOf("m", { incarnation }) : { kind, node: "m", from: "accuser", incarnation };

describe("SWIM 3.1: the basic protocol", () => {
  test("within one period: a direct probe, then k indirect ones, then the verdict", () => {
    const n = new TestNode("a", { options: { gossipNodes: 0, streamPings: false } });
    n.hear(...["b", "c", "d", "e"].map((name) => aliveOf(name)));
    const line: { ms: number; what: string }[] = [];
    while (n.nowMs < 2_500) {
      const suspects = n.swim.status().counts.suspect;
      for (const { message } of sent(...n.pass(1)))
        if (message.kind === "ping" || message.kind === "indirectPing")
          line.push({ ms: n.nowMs, what: message.kind });
      if (n.swim.status().counts.suspect > suspects) line.push({ ms: n.nowMs, what: "suspect" });
    }
    const startMs = line[0]?.ms ?? 0;
    const period = line.slice(0, 6).map(({ ms, what }) => `${ms - startMs} ${what}`);
    expect(period).toEqual([
      "0 ping",
      "500 indirectPing",
      "500 indirectPing",
      "500 indirectPing",
      "1000 ping",
      "1000 suspect",
    ]);
  });
});

describe("SWIM 4.1: infection-style dissemination", () => {
  test("news rides on pings and acks: no packets of its own are needed", () => {
    const n = new TestNode("a", { options: { gossipNodes: 0 } });
    n.hear(aliveOf("b"));
    const [ack] = n.hear({ kind: "ping", seqNo: 1, node: "a" }).datagrams;
    expect(
      sent({ ...n.step(), datagrams: ack === undefined ? [] : [ack] }).map(({ message }) => message.kind),
    ).toEqual(["ack", "alive", "alive"]);
  });

  test("each piece of news is sent λ·log n times at most, where n is what is known", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear(...Array.from({ length: 98 }, (_, i) => aliveOf(`n${i}`)));
    let count = 0;
    for (let i = 0; i < 400; i += 1) {
      const messages = sent(n.hear({ kind: "ping", seqNo: i, node: "a" }));
      count += messages.filter(({ message }) => message.kind === "alive" && message.node === "n7").length;
    }
    expect(count).toBe(retransmitLimit(4, 99));
  });

  test("what was told less is preferred", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear(...Array.from({ length: 40 }, (_, i) => aliveOf(`n${i}`)));
    n.hear({ kind: "ping", seqNo: 1, node: "a" });
    n.hear(aliveOf("fresh"));
    const [, first] = sent(n.hear({ kind: "ping", seqNo: 2, node: "a" }));
    const names = sent(n.hear({ kind: "ping", seqNo: 3, node: "a" })).map(({ message }) => message);
    expect(first?.message).toMatchObject({ kind: "alive" });
    const transmits = n.swim
      .inside()
      .news.queue.view()
      .map((item) => item.transmits);
    expect(Math.max(...transmits) - Math.min(...transmits)).toBeLessThanOrEqual(1);
    expect(names.length).toBeGreaterThan(1);
  });
});

describe("SWIM 4.2: which message overrides which", () => {
  const names = ["alive", "suspect", "dead"] as const;
  /**
   * Incarnation i of the later message against j of the earlier one. The paper lets a death override any incarnation;
   * here it must be as new as what is known, as the reference has it, so that an old one cannot kill who came back.
   */
  const overrides: Record<
    (typeof names)[number],
    Record<(typeof names)[number], (i: number, j: number) => boolean>
  > = {
    alive: { alive: (i, j) => i > j, suspect: (i, j) => i > j, dead: (i, j) => i > j },
    suspect: { alive: (i, j) => i >= j, suspect: () => false, dead: () => false },
    dead: { alive: (i, j) => i >= j, suspect: (i, j) => i >= j, dead: () => false },
  };
  for (const later of names) {
    for (const earlier of names) {
      for (const i of [1, 2, 3]) {
        const expected = overrides[later][earlier](i, 2);
        test(`${later} ${i} ${expected ? "overrides" : "does not override"} ${earlier} 2`, () => {
          const n = new TestNode("a", { options: { ...quiet } });
          n.hear(aliveOf("m", { incarnation: 2 }));
          if (earlier !== "alive") n.hear(about(earlier, 2));
          const before = n.sees("m");
          n.hear(about(later, i));
          expect(n.sees("m") !== before).toBe(expected);
        });
      }
    }
  }

  test("only the member itself raises its incarnation, and only when accused in its present one", () => {
    const n = new TestNode("m", { options: quiet });
    n.hear(about("suspect", 1), about("suspect", 1));
    expect(n.sees("m")).toBe("alive 2");
    n.hear(about("suspect", 2));
    expect(n.sees("m")).toBe("alive 3");
  });
});

describe("Lifeguard: LHA-Probe", () => {
  test("a node that fails to probe with helpers that fall silent slows down, up to eight times", () => {
    const n = new TestNode("a", { options: { gossipNodes: 0, streamPings: false, suspicionMult: 60 } });
    n.hear(...["b", "c", "d", "e", "f"].map((name) => aliveOf(name)));
    const begun: number[] = [];
    const untilMs = 60_000;
    while (n.nowMs < untilMs) {
      for (const effects of n.pass(Math.max(1, n.swim.inside().wakeAtMs - n.nowMs)))
        for (const { message } of sent(effects)) if (message.kind === "ping") begun.push(n.nowMs);
    }
    const gaps = begun.slice(1).map((at, i) => Math.round(((at - (begun[i] ?? 0)) / 1_000) * 10) / 10);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(8.1);
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(7.9);
    expect(n.swim.status().healthScore).toBe(7);
  });

  test("being accused is a sign of one's own slowness", () => {
    const n = new TestNode("m", { options: quiet });
    n.hear(about("suspect", 1));
    expect(n.swim.status().healthScore).toBe(1);
  });
});

describe("Lifeguard: LHA-Suspicion", () => {
  test("the first K independent accusations are passed on, the rest not", () => {
    const n = new TestNode("a", { options: { ...quiet, suspicionMult: 5 } });
    n.hear(...["m", "b", "c", "d", "e", "f"].map((name) => aliveOf(name)));
    const spread = ["b", "c", "c", "d", "e", "f"].map((from) => {
      n.hear({ kind: "suspect", node: "m", from, incarnation: 1 });
      const [item] = n.swim
        .inside()
        .news.queue.view()
        .filter(({ name }) => name === "m");
      return new TextDecoder().decode(item?.bytes).includes(`"from":"${from}"`);
    });
    // The first accusation, then K = 3 more; repeated and later ones change nothing.
    expect(spread).toEqual([true, true, true, true, true, false]);
  });

  test("a suspicion begins long and shrinks with each of them", () => {
    const n = new TestNode("a", { options: { suspicionMult: 5, gossipNodes: 0 } });
    n.hear(...["m", "b", "c", "d", "e", "f"].map((name) => aliveOf(name)));
    const left = ["b", "c", "d", "e"].map((from) => {
      n.hear({ kind: "suspect", node: "m", from, incarnation: 1 });
      return n.verdictMs("m");
    });
    expect(left as readonly (number | undefined)[]).toEqual([30_000, 17_500, 10_187, 5_000]);
  });
});

describe("Lifeguard: buddy system", () => {
  test("a ping to a suspect tells it that it is suspected", () => {
    const n = new TestNode("a", { options: { gossipNodes: 0 } });
    n.hear(aliveOf("m"), about("suspect", 1));
    const first = n.pass(1_000).find(({ datagrams }) => datagrams.length > 0);
    const messages = first === undefined ? [] : sent(first).map(({ to, message }) => [to.host, message.kind]);
    expect(messages).toEqual([
      [addressOf("m").host, "ping"],
      [addressOf("m").host, "suspect"],
    ]);
  });
});
