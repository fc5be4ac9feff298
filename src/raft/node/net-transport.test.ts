import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { silentLog } from "../../lib/log.ts";
import { parseHostPort, type Connection } from "../../lib/net.ts";
import { systemNet } from "../../runtime/net.ts";
import { logIndex, term } from "../../lib/log-index.ts";
import { serverId } from "../core/entry.ts";
import type { RaftRequest } from "../core/messages.ts";
import { decodeReply, encodeRequest } from "./message-codec.ts";
import { snapshotDeadlineMs } from "./snapshot-sender.ts";
import { openNetEnd, type NetEnd } from "./testing/net-end.ts";
import {
  answerTo,
  appendAt,
  Echo,
  installed,
  installOf,
  pieces,
  preVote,
  transportContract,
} from "./transport.contract.ts";
import type { Destination, SnapshotTransfer, TransportHandler, TransportReply } from "./transport.ts";
import { ValueScanner } from "./value-scanner.ts";

transportContract("network", async () => {
  const client = await openNetEnd();
  const server = await openNetEnd();
  return {
    client: client.transport,
    server: server.transport,
    address: server.address,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});

function destination(end: { readonly address: string }, over: Partial<Destination> = {}): Destination {
  return { id: serverId("s"), address: end.address, lane: "replicate", timeoutMs: 5_000, ...over };
}

/** Resolves when `condition` holds, looked at after each turn of the loop. */
async function when(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A peer that speaks by hand: what it sends is written here, what comes back gathers in `received`. */
async function rawPeer(
  end: NetEnd,
  first: readonly number[] = [1],
): Promise<{
  readonly connection: Connection;
  readonly received: () => Uint8Array;
  readonly isClosed: () => boolean;
}> {
  const connection = await systemNet.connect(parseHostPort(end.address)!, { timeoutMs: 5_000 });
  const chunks: Uint8Array[] = [];
  let isClosed = false;
  connection.handle({
    data: (bytes) => chunks.push(bytes),
    ended: () => connection.destroy(),
    closed: () => (isClosed = true),
  });
  connection.write(Uint8Array.from(first));
  return { connection, received: () => Uint8Array.from(Buffer.concat(chunks)), isClosed: () => isClosed };
}

/** Answers when it is told to. */
class Slow implements TransportHandler {
  readonly waiting: (() => void)[] = [];
  count = 0;
  request(message: RaftRequest): Promise<TransportReply> {
    this.count += 1;
    return new Promise((resolve) => this.waiting.push(() => resolve(answerTo(message))));
  }
  snapshot(): Promise<TransportReply> {
    return Promise.resolve(installed);
  }
}

describe("towards a peer", () => {
  test("several requests are under way before the first is answered", async () => {
    await using server = await openNetEnd();
    await using client = await openNetEnd();
    const slow = new Slow();
    using _ = server.transport.serve(slow);
    const answers = [1, 2, 3].map((at) => client.transport.send(destination(server), appendAt(at)));
    client.transport.flush();
    await when(() => slow.waiting.length === 3);
    // Answered out of order by the core, sent in order all the same.
    for (const answer of slow.waiting.toReversed()) answer();
    expect((await Promise.all(answers)).map((one) => one.kind === "response" && one.message)).toEqual(
      [1, 2, 3].map((at) => (answerTo(appendAt(at)) as { message: unknown }).message) as never,
    );
    expect(server.connections.size).toBe(1);
  });

  test("a request without an answer fails in its time and takes silent connections with it", async () => {
    await using server = await openNetEnd();
    await using client = await openNetEnd();
    const slow = new Slow();
    using _ = server.transport.serve(slow);
    const append = client.transport.send(destination(server), appendAt(1));
    const beat = client.transport.send(
      destination(server, { lane: "heartbeat", timeoutMs: 30 }),
      appendAt(2),
    );
    client.transport.flush();
    expect(await beat).toEqual({ kind: "failed" });
    expect(await append).toEqual({ kind: "failed" });
    // The old ones end once their answers, which nobody takes any more, have been given.
    for (const answer of slow.waiting) answer();
    await when(() => server.connections.size === 0);
    const next = client.transport.send(destination(server), appendAt(3));
    client.transport.flush();
    await when(() => slow.count === 3);
    slow.waiting[2]!();
    expect((await next).kind).toBe("response");
  });

  test("votes keep at most three connections", async () => {
    await using server = await openNetEnd();
    await using client = await openNetEnd();
    using _ = server.transport.serve(new Echo());
    const vote: RaftRequest = { ...appendAt(1) };
    const to = destination(server, { lane: "control" });
    await Promise.all(Array.from({ length: 8 }, () => client.transport.send(to, vote)));
    await when(() => server.connections.size === 3);
    await Promise.all(Array.from({ length: 3 }, () => client.transport.send(to, vote)));
    expect(server.connections.size).toBe(3);
  });

  test("a kept connection that the peer has closed is not noticed", async () => {
    await using server = await openNetEnd();
    await using client = await openNetEnd();
    using _ = server.transport.serve(new Echo());
    const to = destination(server, { lane: "control" });
    expect((await client.transport.send(to, appendAt(1))).kind).toBe("response");
    server.cut();
    expect((await client.transport.send(to, appendAt(2))).kind).toBe("response");
  });

  test("a peer that closes on a pre-vote does not know it", async () => {
    await using client = await openNetEnd();
    const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
      connection.handle({
        data: () => connection.destroy(),
        ended: () => undefined,
        closed: () => undefined,
      });
    });
    const to = destination({ address: `127.0.0.1:${listener.address.port}` }, { lane: "control" });
    expect(await client.transport.send(to, preVote)).toEqual({
      kind: "failed",
      remoteError: "unexpected command",
    });
    expect(await client.transport.send(to, appendAt(1))).toEqual({ kind: "failed" });
    await listener.close();
    // Nobody at all is no answer, not consent.
    expect(await client.transport.send(to, preVote)).toEqual({ kind: "failed" });
  });

  test("a newer address is used, and a wrong one fails", async () => {
    await using server = await openNetEnd();
    using _ = server.transport.serve(new Echo());
    let address: string | undefined = "nonsense";
    await using client = await openNetEnd({ resolveAddress: (id) => (id === "s" ? address : undefined) });
    const ask = (): Promise<unknown> => {
      const answer = client.transport.send(destination({ address: "127.0.0.1:1" }), appendAt(1));
      client.transport.flush();
      return answer;
    };
    expect(await ask()).toEqual({ kind: "failed" });
    address = server.address;
    expect(await ask()).toMatchObject({ kind: "response" });
  });

  test("without a leading byte, the first byte is the request's type", async () => {
    await using client = await openNetEnd({ leadingByte: null });
    const first = Promise.withResolvers<number>();
    const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
      connection.handle({
        data: (bytes) => {
          first.resolve(bytes[0]!);
          connection.destroy();
        },
        ended: () => undefined,
        closed: () => undefined,
      });
    });
    const vote = { ...preVote, kind: "requestVote", candidate: "h:1", leadershipTransfer: false } as const;
    const to = destination({ address: `127.0.0.1:${listener.address.port}` }, { lane: "control" });
    expect(await client.transport.send(to, vote)).toEqual({ kind: "failed" });
    expect(await first.promise).toBe(1);
    await listener.close();
  });

  test("connections that are not used are closed", async () => {
    await using server = await openNetEnd();
    await using client = await openNetEnd({ settings: { idleTimeoutMs: 20 } });
    using _ = server.transport.serve(new Echo());
    await client.transport.send(destination(server, { lane: "control" }), appendAt(1));
    const answer = client.transport.send(destination(server), appendAt(1));
    client.transport.flush();
    await answer;
    expect(server.connections.size).toBe(2);
    await when(() => server.connections.size === 0);
  });

  test.each([
    { sizeBytes: 0, ms: 10_000 },
    { sizeBytes: 262_144 * 2 - 1, ms: 10_000 },
    { sizeBytes: 262_144 * 20, ms: 200_000 },
  ])("a snapshot of $sizeBytes bytes may take $ms ms", ({ sizeBytes, ms }) => {
    expect(snapshotDeadlineMs({ sizeBytes, ioTimeoutMs: 10_000 })).toBe(ms);
  });

  test("a peer that takes no bytes of a snapshot holds the sender up only until the deadline", async () => {
    await using client = await openNetEnd();
    const accepted: Connection[] = [];
    const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
      accepted.push(connection);
    });
    let taken = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        taken += 100_000;
        yield new Uint8Array(100_000);
        await Promise.resolve();
      }
    }
    const to = destination({ address: `127.0.0.1:${listener.address.port}` }, { timeoutMs: 200 });
    const transfer: SnapshotTransfer = { message: installOf(1e9), chunks: endless() };
    expect(await client.transport.sendSnapshot(to, transfer)).toEqual({ kind: "failed" });
    // Back pressure: what the system buffers, not the gigabyte.
    expect(taken).toBeLessThan(50_000_000);
    for (const connection of accepted) connection.destroy();
    await listener.close();
  });
});

describe("from a peer", () => {
  const vote = encodeRequest(appendAt(1));

  test("requests fed byte by byte are answered", async () => {
    await using server = await openNetEnd();
    using _ = server.transport.serve(new Echo());
    const peer = await rawPeer(server);
    for (const byte of Buffer.concat([vote, vote])) {
      peer.connection.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await when(() => countAnswers(peer.received()) === 2);
    peer.connection.destroy();
  });

  test.each([
    { what: "an unknown type", bytes: [9, 0x80] },
    { what: "a body that is no map", bytes: [0, 0x01] },
    { what: "byte c1", bytes: [0, 0xc1] },
    {
      what: "a term over 53 bits",
      bytes: [1, 0x81, 0xa4, 0x54, 0x65, 0x72, 0x6d, 0xcf, 255, 0, 0, 0, 0, 0, 0, 0],
    },
  ])("$what ends the connection without an answer", async ({ bytes }) => {
    await using server = await openNetEnd();
    using _ = server.transport.serve(new Echo());
    const peer = await rawPeer(server, [1, ...bytes]);
    await when(peer.isClosed);
    expect(peer.received().length).toBe(0);
  });

  test("a request beyond the limit ends the connection", async () => {
    await using server = await openNetEnd({ settings: { requestBytesMax: 200_000 } });
    using _ = server.transport.serve(new Echo());
    const peer = await rawPeer(server, [1, 0, 0x81, 0xdb, 0x10, 0, 0, 0]);
    for (let at = 0; at < 20; at += 1) peer.connection.write(new Uint8Array(65_536));
    await when(peer.isClosed);
  });

  test("large requests of all peers together are limited", async () => {
    await using server = await openNetEnd({ settings: { inboundBytesMax: 1_000_000 } });
    using _ = server.transport.serve(new Echo());
    const peers = await Promise.all(
      Array.from({ length: 4 }, () => rawPeer(server, [1, 0, 0x81, 0xdb, 0x10, 0, 0, 0])),
    );
    for (const { connection } of peers) connection.write(new Uint8Array(400_000));
    await when(() => peers.filter((peer) => peer.isClosed()).length === 2);
    for (const { connection } of peers) connection.destroy();
  });

  test("too many connections: the one that was silent longest goes", async () => {
    await using server = await openNetEnd({ settings: { inboundMax: 2 } });
    using _ = server.transport.serve(new Echo());
    const first = await rawPeer(server);
    await when(() => server.connections.size === 1);
    const second = await rawPeer(server);
    second.connection.write(vote);
    await when(() => second.received().length > 0);
    const third = await rawPeer(server);
    third.connection.write(vote);
    await when(() => third.received().length > 0);
    await when(first.isClosed);
    expect(second.isClosed()).toBe(false);
    for (const { connection } of [second, third]) connection.destroy();
  });

  test("a peer that reads no answers is not read from", async () => {
    await using server = await openNetEnd();
    const echo = new Echo();
    using _ = server.transport.serve(echo);
    const peer = await rawPeer(server);
    peer.connection.pause();
    const burst = Buffer.concat(Array.from({ length: 1_000 }, () => vote));
    let isFull = false;
    for (let at = 0; at < 400 && !isFull; at += 1) {
      isFull = !peer.connection.write(Uint8Array.from(burst));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const seen = echo.seen.length;
    expect(isFull).toBe(true);
    peer.connection.resume();
    await when(() => echo.seen.length > seen);
    peer.connection.destroy();
  });

  test("a half-closed peer still gets its answers", async () => {
    await using server = await openNetEnd();
    const slow = new Slow();
    using _ = server.transport.serve(slow);
    const peer = await rawPeer(server);
    peer.connection.write(vote);
    peer.connection.end();
    await when(() => slow.waiting.length === 1);
    slow.waiting[0]!();
    await when(peer.isClosed);
    expect(countAnswers(peer.received())).toBe(1);
  });

  test("a sender that goes in the middle of a snapshot breaks the bytes", async () => {
    await using server = await openNetEnd();
    const echo = new Echo();
    using _ = server.transport.serve(echo);
    const peer = await rawPeer(server);
    peer.connection.write(
      Uint8Array.from(Buffer.concat([encodeRequest(installOf(1_000)), new Uint8Array(10)])),
    );
    await when(() => server.connections.size === 1);
    peer.connection.end();
    await when(() => echo.errors.length === 1);
    expect(echo.snapshots).toEqual([]);
    await when(peer.isClosed);
  });

  test("a sender that stops in the middle of a snapshot is given up", async () => {
    await using server = await openNetEnd({ settings: { ioTimeoutMs: 30 } });
    const echo = new Echo();
    using _ = server.transport.serve(echo);
    const peer = await rawPeer(server);
    peer.connection.write(encodeRequest(installOf(1_000)));
    await when(peer.isClosed);
    expect(echo.errors.length).toBe(1);
  });

  test("a slow disk slows the sender down", async () => {
    await using server = await openNetEnd();
    await using client = await openNetEnd();
    let held = 0;
    const gate = Promise.withResolvers<void>();
    using _ = server.transport.serve({
      request: () => Promise.resolve({ kind: "error", error: "" }),
      snapshot: async ({ chunks }) => {
        for await (const chunk of chunks) {
          held += chunk.length;
          await gate.promise;
        }
        return installed;
      },
    });
    let sent = 0;
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces(600, 100_000)) {
        sent += piece.length;
        yield piece;
      }
    }
    const transfer = { message: installOf(60_000_000), chunks: counted() };
    const answer = client.transport.sendSnapshot(destination(server), transfer);
    let before = -1;
    await when(() => {
      const isStill = sent === before && sent > 0;
      before = sent;
      return isStill;
    });
    expect(sent).toBeLessThan(50_000_000);
    gate.resolve();
    expect(await answer).toEqual(installed as never);
    expect(held).toBe(60_000_000);
  });

  test("nobody serving: the connection is closed, and serving again opens the door", async () => {
    await using server = await openNetEnd();
    const peer = await rawPeer(server);
    await when(peer.isClosed);
    const serving = server.transport.serve(new Echo());
    const later = await rawPeer(server);
    later.connection.write(vote);
    await when(() => later.received().length > 0);
    serving[Symbol.dispose]();
    await when(later.isClosed);
  });
});

/** Complete answers in `bytes`. */
function countAnswers(bytes: Uint8Array): number {
  const scanner = new ValueScanner();
  let at = 0;
  for (let count = 0; ; count += 1) {
    scanner.start(at, 2);
    const end = scanner.scan(bytes);
    if (end === undefined) return count;
    decodeReply("appendEntries", bytes.subarray(at, end));
    at = end;
  }
}

test("any bytes from a peer end its connection or are answered", async () => {
  await using server = await openNetEnd({ log: silentLog });
  const echo = new Echo();
  using _ = server.transport.serve(echo);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), async (bytes) => {
      const peer = await rawPeer(server, [1, ...bytes]);
      // Closing this half makes the server finish in every case.
      peer.connection.end();
      await when(peer.isClosed);
    }),
    { numRuns: 150 },
  );
  const client = await openNetEnd();
  const answer = client.transport.send(destination(server), {
    ...appendAt(4),
    term: term(1),
    prevLogIndex: logIndex(4),
  });
  client.transport.flush();
  expect((await answer).kind).toBe("response");
  await client[Symbol.asyncDispose]();
});
