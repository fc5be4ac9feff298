/** Whatever a node hears and however time passes, its invariants hold: `TestNode` checks them after each step. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { GossipMessage, NodeState } from "../../wire/gossip/messages.ts";
import { retransmitLimit } from "./scaling.ts";
import type { SwimEffects, SwimInput } from "./swim-effects.ts";
import { addressOf, aliveOf, sent, TestNode } from "./swim-test-kit.ts";

const name = fc.constantFrom("a", "b", "c", "d", "e", "f");
const incarnation = fc.oneof(fc.nat(5), fc.constant(0xffff_ffff));
const seqNo = fc.nat(12);

const message: fc.Arbitrary<GossipMessage> = fc.oneof(
  fc
    .record({ node: name, incarnation, size: fc.constantFrom(0, 1, 400, 513), moved: fc.boolean() })
    .map((o) =>
      aliveOf(o.node, {
        incarnation: o.incarnation,
        meta: new Uint8Array(o.size),
        ...(o.moved ? { address: { host: "10.9.9.9", port: 0 } } : {}),
      }),
    ),
  fc.record({
    kind: fc.constantFrom("suspect" as const, "dead" as const),
    node: name,
    from: name,
    incarnation,
  }),
  fc.record({ kind: fc.constant("ack" as const), seqNo, payload: fc.constant(null) }),
  fc.record({ kind: fc.constant("nack" as const), seqNo }),
  fc.record({ kind: fc.constant("ping" as const), seqNo, node: name }),
  fc
    .record({ node: name, seqNo, nack: fc.boolean() })
    .map((o) => ({ kind: "indirectPing", target: addressOf(o.node), ...o }) as const),
);

const listed = fc
  .record({ name, incarnation, state: fc.constantFrom<NodeState>("alive", "suspect", "dead", "left") })
  .map((o) => ({ ...o, address: addressOf(o.name), meta: new Uint8Array(), vsn: [1, 5, 2, 2, 5, 4] }));
const whole = fc
  .record({ join: fc.boolean(), nodes: fc.array(listed, { maxLength: 6 }) })
  .map((o) => ({ kind: "pushPull", userState: new Uint8Array(), ...o }) as const);

const input: fc.Arbitrary<SwimInput> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .array(message, { minLength: 1, maxLength: 4 })
      .map((messages) => ({ kind: "datagram", from: addressOf("x"), messages }) as const),
  },
  {
    weight: 2,
    arbitrary: whole.map(
      (m) => ({ kind: "pushPullRequest", inboundId: 1, from: addressOf("x"), message: m }) as const,
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("exchangeAnswered" as const),
      exchangeId: fc.nat(4),
      message: whole,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("exchangeFailed" as const),
      exchangeId: fc.nat(4),
      reason: fc.constant("gone"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("streamPingAnswered" as const),
      seqNo,
      message: fc.record({ kind: fc.constant("ack" as const), seqNo, payload: fc.constant(null) }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.nat(9).map((joinId) => ({ kind: "join", joinId, to: addressOf("b") }) as const),
  },
  { weight: 1, arbitrary: fc.nat(9).map((updateId) => ({ kind: "updateMeta", updateId }) as const) },
);

const turn = fc.record({ input, ms: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(3_000), fc.nat(60_000)) });

interface Run {
  readonly node: TestNode;
  readonly effects: readonly SwimEffects[];
}

function run(turns: readonly { input: SwimInput; ms: number }[], leaveAfter: number): Run {
  const node = new TestNode("a", { options: { relaysMax: 4, nodesMax: 5 } });
  const effects: SwimEffects[] = [];
  turns.forEach((one, at) => {
    if (at === leaveAfter) effects.push(node.step({ kind: "leave" }));
    effects.push(node.step(one.input), ...node.pass(one.ms));
  });
  return { node, effects };
}

const turns = fc.array(turn, { maxLength: 40 });

test("invariants hold, packets fit, and what was begun is reported once", () => {
  fc.assert(
    fc.property(turns, fc.nat(60), (plan, leaveAfter) => {
      const { effects } = run(plan, leaveAfter);
      for (const { messages, crc } of effects.flatMap(({ datagrams }) => datagrams)) {
        const size = messages.reduce((sum, part) => sum + part.length + 2, 2) + (crc ? 5 : 0);
        expect(size).toBeLessThanOrEqual(1_400);
        expect(messages.length).toBeLessThanOrEqual(127);
      }
      const ids = effects.flatMap(({ exchanges }) => exchanges.map(({ exchangeId }) => exchangeId));
      expect(new Set(ids).size).toBe(ids.length);
      const farewells = effects.flatMap(({ outcomes }) => outcomes.filter(({ kind }) => kind === "left"));
      expect(farewells.length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 300 },
  );
});

test("the layer above hears of each node alternately that it joined and that it is gone", () => {
  fc.assert(
    fc.property(turns, fc.nat(60), (plan, leaveAfter) => {
      const { node } = run(plan, leaveAfter);
      const present = new Set<string>();
      for (const line of node.delegate.seen) {
        const [what = "", who = ""] = line.split(" ");
        if (what === "joined") {
          expect(present.has(who)).toBe(false);
          present.add(who);
        } else if (what === "dead" || what === "left") {
          expect(present.delete(who)).toBe(true);
        } else if (what === "updated") {
          expect(present.has(who)).toBe(true);
        }
      }
      const members = node.swim.members().map((member) => member.name);
      expect([...present].toSorted()).toEqual(members.toSorted());
    }),
    { numRuns: 300 },
  );
});

test("the same inputs at the same times give the same effects", () => {
  fc.assert(
    fc.property(turns, (plan) => {
      expect(run(plan, 20).effects).toEqual(run(plan, 20).effects);
    }),
    { numRuns: 50 },
  );
});

test("no piece of news is sent more often than the limit allows", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(400), { maxLength: 60 }), (waits) => {
      const node = new TestNode("a", { options: { nodesMax: 1_000, probeIntervalMs: 3_600_000 } });
      const effects: SwimEffects[] = [];
      waits.forEach((ms, i) => {
        effects.push(node.hear(aliveOf(`n${i}`), { kind: "ping", seqNo: 1, node: "a" }), ...node.pass(ms));
      });
      effects.push(...node.pass(60_000));
      const counts = new Map<string, number>();
      for (const { message: m } of sent(...effects))
        if (m.kind === "alive") counts.set(m.node, (counts.get(m.node) ?? 0) + 1);
      const limit = retransmitLimit(4, waits.length + 1);
      for (const count of counts.values()) expect(count).toBeLessThanOrEqual(limit);
    }),
    { numRuns: 50 },
  );
});
