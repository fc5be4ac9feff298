import { describe, expect, test } from "bun:test";
import type { SwimEffects } from "./swim-effects.ts";
import { addressOf, aliveOf, encodeJson, sent, TestNode } from "./swim-test-kit.ts";

const quiet = { probeIntervalMs: 3_600_000 } as const;
const bytes = (label: string): Uint8Array => new TextEncoder().encode(label);
const packets = (effects: readonly SwimEffects[]): SwimEffects["datagrams"] =>
  effects.flatMap(({ datagrams }) => datagrams);
/** As a compound on the wire, without checksum or encryption. */
const wireBytes = (parts: readonly Uint8Array[]): number =>
  parts.length === 1 ? (parts[0]?.length ?? 0) : 2 + parts.reduce((sum, part) => sum + part.length + 2, 0);

describe("a round of gossip", () => {
  test("goes to three different nodes every interval while there is news", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear(...["b", "c", "d", "e", "f"].map((name) => aliveOf(name)));
    const [first] = n.pass(200).filter(({ datagrams }) => datagrams.length > 0);
    expect(first?.datagrams.length).toBe(3);
    expect(new Set(first?.datagrams.map(({ to }) => to.host)).size).toBe(3);
    expect(first?.datagrams.every(({ crc }) => crc)).toBe(true);
  });

  test("each piece of news is sent as often as the limit says, and then no more", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear(aliveOf("b"), aliveOf("c"));
    const told = sent(...n.pass(60_000)).map(({ message }) => ("node" in message ? message.node : ""));
    expect(["a", "b", "c"].map((name) => told.filter((one) => one === name).length)).toEqual([4, 4, 4]);
    expect(n.swim.status().queuedCount).toBe(0);
  });

  test("the lately dead hear it too, those that left never, and this node neither", () => {
    const n = new TestNode("a", { options: { ...quiet, gossipNodes: 5 } });
    n.hear(...["b", "c", "d"].map((name) => aliveOf(name)));
    n.hear(
      { kind: "dead", node: "b", from: "x", incarnation: 1 },
      { kind: "dead", node: "c", from: "c", incarnation: 1 },
    );
    const hosts = (): string[] => {
      n.delegate.outgoing.push(...Array.from({ length: 200 }, () => [bytes("x")]));
      const found = packets(n.pass(1_000)).map(({ to }) => to.host);
      n.delegate.outgoing.length = 0;
      return [...new Set(found)].toSorted();
    };
    expect(hosts()).toEqual([addressOf("b").host, addressOf("d").host].toSorted());
    n.pass(30_000);
    expect(hosts()).toEqual([addressOf("d").host]);
  });

  test("is timed, and the queue is measured every half minute", () => {
    const n = new TestNode("a", { options: quiet });
    const metrics = n.pass(61_000).flatMap((effects) => effects.metrics);
    expect(metrics.filter(({ name }) => name === "memberlist.gossip").length).toBe(305);
    expect(metrics.filter(({ kind }) => kind === "sample")).toEqual([
      { kind: "sample", name: "memberlist.queue.broadcasts", value: 1 },
      { kind: "sample", name: "memberlist.queue.broadcasts", value: 1 },
    ]);
  });

  test.each([{ gossipIntervalMs: 0 }, { gossipNodes: 0 }])("never comes with %o", (off) => {
    const n = new TestNode("a", { options: { ...quiet, ...off } });
    n.hear(aliveOf("b"));
    const effects = n.pass(60_000);
    expect(packets(effects)).toEqual([]);
    expect(effects.flatMap(({ metrics }) => metrics).filter(({ kind }) => kind === "effort")).toEqual([]);
  });

  test("checksums go only to those that read them", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear(aliveOf("b", { vsn: [1, 4, 2, 2, 5, 4] }));
    expect(packets(n.pass(200)).map(({ crc }) => crc)).toEqual([false]);
  });

  test("with nobody there the news waits", () => {
    const n = new TestNode("a", { options: quiet });
    expect(packets(n.pass(10_000))).toEqual([]);
    expect(n.swim.status().queuedCount).toBe(1);
    expect(n.delegate.limits).toEqual([]);
  });
});

describe("packing", () => {
  test("news of nodes first, the layer above gets what is left", () => {
    const n = new TestNode("a", { options: { ...quiet, gossipNodes: 1 } });
    n.hear(aliveOf("b"));
    n.delegate.outgoing.push([bytes("one"), bytes("two")]);
    const [packet] = packets(n.pass(200));
    expect(packet?.messages.map((part) => part[0] === 35)).toEqual([true, true, true, true]);
    const contents = sent({ ...n.step(), datagrams: packet === undefined ? [] : [packet] });
    expect(contents.map(({ message }) => message.kind)).toEqual(["alive", "alive", "user", "user"]);
    const [limit] = n.delegate.limits;
    // 1,400 less 5 for the checksum and 2 for the compound; each part costs 2, a user message its type byte too.
    const news = packet?.messages.slice(0, 2).reduce((sum, part) => sum + part.length + 2, 0) ?? 0;
    expect(limit).toEqual({ overheadBytes: 3, bytesMax: 1_400 - 7 - news });
  });

  test("no packet is larger than the limit, whatever its overhead, and probes take news along within it", () => {
    const n = new TestNode("a", { options: { packetOverheadBytes: 29, udpBufferBytes: 700 } });
    n.hear(...Array.from({ length: 120 }, (_, i) => aliveOf(`node-${i}`)));
    const all = packets(n.pass(10_000));
    expect(all.length).toBeGreaterThan(20);
    for (const { messages, crc } of all) {
      expect(wireBytes(messages) + 29 + (crc ? 5 : 0)).toBeLessThanOrEqual(700);
    }
    const pings = all.filter(({ messages }) => new TextDecoder().decode(messages[0]).includes('"ping"'));
    expect(pings.some(({ messages }) => messages.length > 1)).toBe(true);
  });

  test("never more than 127 parts: many tiny messages of the layer above go in several packets", () => {
    const n = new TestNode("a", { options: { ...quiet, gossipNodes: 1 } });
    n.hear(aliveOf("b"));
    n.delegate.outgoing.push(Array.from({ length: 200 }, () => bytes("x")));
    const all = packets(n.pass(200));
    expect(all.map(({ messages }) => messages.length)).toEqual([127, 75]);
  });

  test("a broadcast that fits no packet is refused at once instead of waiting for ever", () => {
    const n = new TestNode("a", { options: { ...quiet, udpBufferBytes: 512 } });
    n.delegate.meta = new Uint8Array(400);
    const { outcomes } = n.step({ kind: "updateMeta", updateId: 1 });
    expect(outcomes).toEqual([{ kind: "updated", updateId: 1 }]);
    expect(n.counted).toContain("memberlist.broadcast.oversized");
  });
});

describe("one message to one node", () => {
  test("takes nothing along; a checksum only if the node is known", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear(aliveOf("b"));
    const to = addressOf("b");
    const direct = n.step(
      { kind: "sendUser", to, bytes: bytes("hi") },
      { kind: "sendUser", to, node: "b", bytes: bytes("hi") },
    );
    const messages = [encodeJson({ kind: "user", bytes: bytes("hi") })];
    expect(direct.datagrams).toEqual([
      { to, messages, crc: false },
      { to, messages, crc: true },
    ]);
  });

  test("arrives at the layer above, by datagram or stream", () => {
    const n = new TestNode("a", { options: quiet });
    n.hear({ kind: "user", bytes: bytes("udp") });
    n.step({ kind: "streamUser", bytes: bytes("tcp") });
    expect(n.delegate.seen).toEqual(["joined a", "user udp", "user tcp"]);
  });
});
