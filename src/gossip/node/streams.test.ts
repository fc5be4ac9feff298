/** Both ends of streams, over a network in memory. */
import { describe, expect, test } from "bun:test";
import type { Clock } from "../../lib/clock.ts";
import { silentLog } from "../../lib/log.ts";
import { MemoryNet } from "../../lib/memory-net.ts";
import { noMetrics } from "../../lib/metrics.ts";
import type { Connection } from "../../lib/net.ts";
import { systemAead, systemNonces } from "../../runtime/aead.ts";
import { systemClock } from "../../runtime/clock.ts";
import { Keyring } from "../../wire/gossip/keyring.ts";
import type { GossipSecurity } from "../../wire/gossip/packet-codec.ts";
import { InboundStreams, inboundStreamsMax, type InboundRequest } from "./inbound-streams.ts";
import { StreamClient } from "./stream-client.ts";

const plain: GossipSecurity = {
  encryption: undefined,
  verifyIncoming: true,
  verifyOutgoing: true,
  label: "",
  compression: true,
};
const encrypted: GossipSecurity = {
  ...plain,
  encryption: { keyring: Keyring.of([new Uint8Array(16)]), aead: systemAead, nonces: systemNonces },
};

/** A clock whose timers the test fires. */
function manualClock(): Clock & { fire(): void } {
  const timers = new Set<() => void>();
  return {
    ...systemClock,
    after: (_delayMs, fn) => {
      timers.add(fn);
      return { [Symbol.dispose]: () => void timers.delete(fn) };
    },
    fire: () => {
      for (const fn of timers) fn();
    },
  };
}

interface Setup {
  readonly server?: GossipSecurity;
  readonly client?: GossipSecurity;
}

async function pair({ server = plain, client = plain }: Setup = {}) {
  const net = new MemoryNet();
  const clock = manualClock();
  const requests: InboundRequest[] = [];
  const inbound: InboundStreams = new InboundStreams({
    clock,
    log: silentLog,
    metrics: noMetrics,
    security: () => server,
    timeoutMs: 1000,
    request: (request) => {
      requests.push(request);
      if (request.message.kind !== "ping") return;
      inbound.reply(request.inboundId, { kind: "ack", seqNo: request.message.seqNo, payload: null });
    },
  });
  const to = { host: "10.0.0.1", port: 8301 };
  await net.host("10.0.0.1").listen(to, (connection) => inbound.accept(connection));
  const caller = new StreamClient({
    net: net.host("10.0.0.2"),
    clock,
    metrics: noMetrics,
    security: () => client,
    localHost: undefined,
  });
  const call = () => caller.call({ to, message: { kind: "ping", seqNo: 7, node: "b" }, timeoutMs: 1000 });
  return { net, clock, requests, inbound, caller, call, to };
}

describe("a call", () => {
  test.each([{}, { server: encrypted, client: encrypted }])("is answered", async (setup) => {
    const { call, requests } = await pair(setup);
    expect(await call()).toEqual({ kind: "answered", message: { kind: "ack", seqNo: 7, payload: null } });
    expect(requests).toMatchObject([{ from: { host: "10.0.0.2" }, message: { kind: "ping", node: "b" } }]);
  });

  test("to nobody says so in the reference's words", async () => {
    const { caller } = await pair();
    const answer = await caller.call({
      to: { host: "10.0.0.1", port: 1 },
      message: { kind: "ping", seqNo: 1, node: "" },
      timeoutMs: 1000,
    });
    expect(answer).toEqual({ kind: "unreached", text: "dial tcp 10.0.0.1:1: connect: connection refused" });
  });

  test("of one who does not encrypt is answered with an error that it can read only if it has keys", async () => {
    const { call } = await pair({ server: encrypted });
    expect(await call()).toEqual({
      kind: "broken",
      text: "Remote state is encrypted and encryption is not configured",
    });
  });

  test("of one who encrypts where nobody does is answered with a plain error, which it refuses", async () => {
    const { call } = await pair({ client: encrypted });
    expect(await call()).toEqual({
      kind: "broken",
      text: "Encryption is configured but remote state is not encrypted",
    });
  });

  test("that is not answered in time is over", async () => {
    const { net, clock, caller } = await pair();
    const accepted = Promise.withResolvers<Connection>();
    const to = { host: "10.0.0.3", port: 1 };
    await net.host("10.0.0.3").listen(to, (connection) => {
      connection.handle({
        data: () => accepted.resolve(connection),
        ended: () => undefined,
        closed: () => undefined,
      });
    });
    const answer = caller.call({ to, message: { kind: "ping", seqNo: 1, node: "" }, timeoutMs: 1000 });
    await accepted.promise;
    clock.fire();
    expect(await answer).toMatchObject({
      kind: "broken",
      text: expect.stringContaining("i/o timeout") as unknown,
    });
  });

  test("is over when the node shuts down", async () => {
    const { net, caller } = await pair();
    const accepted = Promise.withResolvers<void>();
    const to = { host: "10.0.0.3", port: 1 };
    await net.host("10.0.0.3").listen(to, (connection) => {
      connection.handle({ data: () => accepted.resolve(), ended: () => undefined, closed: () => undefined });
    });
    const answer = caller.call({ to, message: { kind: "ping", seqNo: 1, node: "" }, timeoutMs: 1000 });
    await accepted.promise;
    caller.close();
    expect(await answer).toMatchObject({ kind: "broken" });
  });
});

describe("streams of peers", () => {
  test("that say nothing are closed in time, and there are only so many", async () => {
    const { net, clock, inbound, to } = await pair();
    const host = net.host("10.0.0.2");
    const open: Connection[] = [];
    let closedCount = 0;
    for (let i = 0; i < inboundStreamsMax; i += 1) {
      const connection = await host.connect(to, { timeoutMs: 1000 });
      connection.handle({
        data: () => undefined,
        ended: () => void (closedCount += 1),
        closed: () => undefined,
      });
      open.push(connection);
    }
    const refused = Promise.withResolvers<void>();
    const oneTooMany = await host.connect(to, { timeoutMs: 1000 });
    oneTooMany.handle({ data: () => undefined, ended: () => refused.resolve(), closed: () => undefined });
    await refused.promise;
    expect(closedCount).toBe(0);
    clock.fire();
    const again = Promise.withResolvers<void>();
    queueMicrotask(() => queueMicrotask(() => again.resolve()));
    await again.promise;
    expect(closedCount).toBe(inboundStreamsMax);
    inbound.close();
  });

  test.each([
    { name: "a type nobody knows", bytes: Uint8Array.of(99, 1) },
    { name: "an ack", bytes: Uint8Array.of(2, 0x80) },
    { name: "no MessagePack", bytes: Uint8Array.of(6, 0xc1) },
  ])("that are unreadable are closed: $name", async ({ bytes }) => {
    const { net, to, requests } = await pair();
    const ended = Promise.withResolvers<number>();
    let heard = 0;
    const connection = await net.host("10.0.0.2").connect(to, { timeoutMs: 1000 });
    connection.handle({
      data: (chunk) => void (heard += chunk.length),
      ended: () => ended.resolve(heard),
      closed: () => ended.resolve(heard),
    });
    connection.write(bytes);
    expect(await ended.promise).toBe(0);
    expect(requests).toEqual([]);
  });
});
