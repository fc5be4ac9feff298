import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { byteString } from "../lib/byte-string.ts";
import type { Connection } from "../lib/net.ts";
import { MsgpackReader } from "../wire/msgpack/reader.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { RpcConnectionError, RpcTimeoutError } from "../wire/rpc/error-text.ts";
import { PairReader, readResponseHeader, writeRequest } from "../wire/rpc/framing.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import { kvsApply, kvsGet, kvsList, statusLeader } from "../wire/rpc/methods.ts";
import { DCSpecificRequest } from "../wire/structs/common.ts";
import { DirEntry, IndexedDirEntries, KeyRequest, KVSRequest } from "../wire/structs/kv.ts";
import { encodeFrame, frameType } from "../wire/yamux/frame.ts";
import { defaultYamuxOptions } from "../wire/yamux/options.ts";
import { YamuxSession } from "../wire/yamux/session.ts";
import { SnapshotClient } from "./snapshot-client.ts";
import type { SnapshotTarget } from "./service.ts";
import { settled } from "../lib/manual-clock.ts";
import { answers, openTestDoor, type TestDoor } from "./testing.ts";

const key = (text: string): KeyRequest => KeyRequest.make({ Key: byteString(Buffer.from(text)) });
const leader = answers(statusLeader, () => Promise.resolve("10.0.0.1:8300"));
/** Waits until the caller is gone. */
function waiting(seen: string[]): ReturnType<typeof answers> {
  return answers(kvsGet, (request, signal) => {
    seen.push(`asked ${request.Key}`);
    return new Promise((resolve) => {
      signal?.addEventListener("abort", () => {
        seen.push(`gone ${request.Key}`);
        resolve(IndexedDirEntries.zero);
      });
    });
  });
}
const request = DCSpecificRequest.make({ Datacenter: "dc1" });
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => error,
  );
const askLeader = ({ pool, server }: TestDoor): Promise<string> =>
  pool.call(server, { method: statusLeader, request });

describe("calls", () => {
  test("go over one connection and reuse its streams", async () => {
    const door = await openTestDoor({ methods: [leader] });
    const many = await Promise.all(Array.from({ length: 50 }, () => askLeader(door)));
    expect(new Set(many)).toEqual(new Set(["10.0.0.1:8300"]));
    expect(await askLeader(door)).toBe("10.0.0.1:8300");
    expect(door.pool.connectionCount).toBe(1);
  });

  test("carry what was asked and answered, however large", async () => {
    const sizes = fc.array(fc.tuple(fc.nat(3), fc.nat(400_000)), { minLength: 1, maxLength: 6 });
    const list = answers(kvsList, (asked) =>
      Promise.resolve(
        IndexedDirEntries.make({
          Entries: [DirEntry.make({ Key: asked.Key, Value: new Uint8Array(asked.Key.length).fill(7) })],
          Index: asked.MinQueryIndex,
        }),
      ),
    );
    const { pool, server } = await openTestDoor({ methods: [list] });
    await fc.assert(
      fc.asyncProperty(sizes, async (wanted) => {
        const replies = await Promise.all(
          wanted.map(([index, size]) =>
            pool.call(server, {
              method: kvsList,
              request: { ...key("k".repeat(size)), MinQueryIndex: index },
            }),
          ),
        );
        expect(replies.map((one) => [one.Index, one.Entries?.[0]?.Value?.length])).toEqual(wanted);
      }),
      { numRuns: 15 },
    );
  });

  test("reject with what the method refused, behind the reference's prefix", async () => {
    const door = await openTestDoor({
      methods: [
        leader,
        answers(kvsApply, () => Promise.reject(new RpcError("Must provide key"))),
        answers(kvsGet, () => Promise.reject(new PermissionDeniedError("no"))),
        answers(kvsList, () => Promise.reject(new Error(""))),
      ],
    });
    const { pool, server } = door;
    const apply = await failure(pool.call(server, { method: kvsApply, request: KVSRequest.make({}) }));
    expect(apply).toBeInstanceOf(RpcError);
    expect(String(apply)).toBe("rpc error making call: Must provide key");
    const get = await failure(pool.call(server, { method: kvsGet, request: key("a") }));
    expect(get).toBeInstanceOf(PermissionDeniedError);
    expect((get as Error).message).toBe("rpc error making call: Permission denied: no");
    const list = await failure(pool.call(server, { method: kvsList, request: key("a") }));
    expect((list as Error).message).toBe("rpc error making call: unknown error");
    expect(await askLeader(door)).toBe("10.0.0.1:8300");
    const unknown = await failure(
      pool.call(server, { method: { ...statusLeader, name: "Status.Nope" }, request }),
    );
    expect((unknown as Error).message).toBe("rpc error making call: rpc: can't find method Status.Nope");
  });

  test("end at the server when the caller gives up", async () => {
    const seen: string[] = [];
    const door = await openTestDoor({ methods: [leader, waiting(seen)] });
    const gone = new AbortController();
    const call = door.pool.call(door.server, { method: kvsGet, request: key("a"), signal: gone.signal });
    const failed = failure(call);
    await settled();
    expect(seen).toEqual(["asked a"]);
    gone.abort();
    expect(await failed).toBeInstanceOf(RpcConnectionError);
    await settled();
    expect(seen).toEqual(["asked a", "gone a"]);
    expect(await askLeader(door)).toBe("10.0.0.1:8300");
  });

  test("end on time", async () => {
    const seen: string[] = [];
    const door = await openTestDoor({ methods: [waiting(seen)] });
    const call = failure(door.pool.call(door.server, { method: kvsGet, request: key("a"), timeoutMs: 500 }));
    await door.clock.pass(501);
    expect(await call).toBeInstanceOf(RpcTimeoutError);
    await settled();
    expect(seen).toEqual(["asked a", "gone a"]);
  });

  test("fail when the connection does, and the next one dials again", async () => {
    const seen: string[] = [];
    const door = await openTestDoor({ methods: [leader, waiting(seen)] });
    const call = failure(door.pool.call(door.server, { method: kvsGet, request: key("a") }));
    await settled();
    door.door.close();
    const error = await call;
    expect(error).toBeInstanceOf(RpcConnectionError);
    expect((error as RpcConnectionError).message).toBe("rpc error making call: EOF");
    expect((error as RpcConnectionError).mayHaveArrived).toBe(true);
    expect(seen).toEqual(["asked a", "gone a"]);
    expect(door.pool.connectionCount).toBe(0);
    const again = await failure(
      askLeader({ ...door, server: { name: "x", rpc: { host: "10.0.0.9", port: 1 } } }),
    );
    expect((again as RpcConnectionError).message).toBe(
      "rpc error getting client: failed to get conn: dial tcp 10.0.0.9:1: connect: connection refused",
    );
    expect((again as RpcConnectionError).mayHaveArrived).toBe(false);
  });

  test("keep a connection while it is used and close it when it is not", async () => {
    const seen: string[] = [];
    const door = await openTestDoor({ methods: [leader, waiting(seen)], pool: { idleTimeoutMs: 5_000 } });
    await askLeader(door);
    const call = failure(
      door.pool.call(door.server, { method: kvsGet, request: key("a"), timeoutMs: 20_000 }),
    );
    await door.clock.pass(19_000);
    expect(door.pool.connectionCount).toBe(1);
    await door.clock.pass(12_000);
    await call;
    expect(door.pool.connectionCount).toBe(0);
    expect(await askLeader(door)).toBe("10.0.0.1:8300");
  });

  test("keep few idle streams once a burst is over", async () => {
    const door = await openTestDoor({ methods: [leader], pool: { idleStreamsMax: 2 } });
    await Promise.all(Array.from({ length: 20 }, () => askLeader(door)));
    const timersBefore = door.clock.timerCount;
    await door.clock.pass(1_001);
    expect(door.clock.timerCount).toBe(timersBefore - 1);
    expect(await Promise.all([askLeader(door), askLeader(door)])).toHaveLength(2);
    expect(door.clock.timerCount).toBe(timersBefore - 1);
  });

  test("notice a server that fell silent", async () => {
    const seen: string[] = [];
    const door = await openTestDoor({ methods: [leader, waiting(seen)] });
    const call = failure(
      door.pool.call(door.server, { method: kvsGet, request: key("a"), timeoutMs: 300_000 }),
    );
    await settled();
    door.network.cut("10.0.0.1");
    await door.clock.pass(41_000);
    expect(await call).toBeInstanceOf(RpcConnectionError);
  });
});

/** Collects what comes back on a plain connection. */
function listening(connection: Connection): { readonly bytes: Uint8Array[]; readonly events: string[] } {
  const seen = { bytes: [] as Uint8Array[], events: [] as string[] };
  connection.handle({
    data: (bytes) => seen.bytes.push(bytes),
    ended: () => seen.events.push("ended"),
    closed: () => seen.events.push("closed"),
  });
  return seen;
}

describe("the door", () => {
  const raw = async (door: TestDoor, ...bytes: number[]): Promise<Connection> => {
    const connection = await door.net.connect(door.server.rpc, { timeoutMs: 1 });
    if (bytes.length > 0) connection.write(Uint8Array.from(bytes));
    return connection;
  };

  test("serves requests on a connection of their own, one after another", async () => {
    const order: string[] = [];
    const list = answers(kvsList, async (asked) => {
      order.push(`begin ${asked.Key}`);
      await settled();
      order.push(`end ${asked.Key}`);
      return IndexedDirEntries.zero;
    });
    const door = await openTestDoor({ methods: [list] });
    const connection = await raw(door, 0);
    const seen = listening(connection);
    const writer = new MsgpackWriter();
    for (const [seq, text] of ["a", "b"].entries())
      writeRequest(writer, { seq, method: kvsList, request: key(text) });
    connection.write(writer.take());
    await settled();
    await settled();
    await settled();
    expect(order).toEqual(["begin a", "end a", "begin b", "end b"]);
    const pairs = new PairReader(10_000);
    for (const chunk of seen.bytes) pairs.push(chunk);
    const headers = [pairs.take(), pairs.take()].map((pair) =>
      readResponseHeader(new MsgpackReader(pair ?? new Uint8Array())),
    );
    expect(headers.map(({ Seq }) => Seq)).toEqual([0, 1]);
  });

  test.each([
    {
      name: "an unknown method",
      method: "Nope.Method",
      body: [0x80],
      error: "rpc: can't find service Nope.Method",
    },
    {
      name: "a name without a dot",
      method: "KVSGet",
      body: [0x80],
      error: "rpc: service/method request ill-formed: KVSGet",
    },
    {
      name: "an argument of another kind",
      method: "Status.Leader",
      body: [0xa1, 0x61],
      error: "msgpack: byte a1 where a map was expected",
    },
  ])("$name is answered, and the stream is closed", async ({ method, body, error }) => {
    const door = await openTestDoor({ methods: [leader] });
    const connection = await raw(door, 0);
    const seen = listening(connection);
    const writer = new MsgpackWriter();
    writeRequest(writer, { seq: 4, method: { ...statusLeader, name: method }, request });
    const whole = writer.take();
    const reader = new MsgpackReader(whole);
    reader.skip();
    connection.write(Uint8Array.from([...whole.subarray(0, reader.position), ...body]));
    await settled();
    expect(seen.events).toEqual(["ended"]);
    const header = readResponseHeader(new MsgpackReader(seen.bytes[0] ?? new Uint8Array()));
    expect(header).toEqual({ Error: error, Seq: 4, ServiceMethod: method });
  });

  test("unknown first bytes, silence and too many connections are closed", async () => {
    const door = await openTestDoor({ methods: [leader], door: { connectionsPerClientMax: 2 } });
    const unknown = listening(await raw(door, 9));
    await settled();
    expect(unknown.events).toEqual(["ended"]);
    const silent = [listening(await raw(door)), listening(await raw(door))];
    const third = listening(await raw(door));
    await settled();
    expect(third.events).toEqual(["ended"]);
    await door.clock.pass(5_001);
    expect(silent.map(({ events }) => events)).toEqual([["ended"], ["ended"]]);
    expect(await askLeader(door)).toBe("10.0.0.1:8300");
  });

  test("another limit of connections holds for new ones", async () => {
    const door = await openTestDoor({ methods: [leader], door: { connectionsPerClientMax: 2 } });
    const first = listening(await raw(door));
    door.door.limitClients(1);
    const second = listening(await raw(door));
    await settled();
    expect([first.events, second.events]).toEqual([[], ["ended"]]);
    door.door.limitClients(2);
    expect(listening(await raw(door)).events).toEqual([]);
  });

  test("hands Raft's connections on, with what came behind the byte", async () => {
    const door = await openTestDoor({ methods: [leader] });
    const taken: number[][] = [];
    door.door.register(1, (_, rest) => taken.push([...rest]));
    await raw(door, 1, 2, 3);
    await settled();
    expect(taken).toEqual([[2, 3]]);
  });

  test("refuses requests beyond a connection's share", async () => {
    const seen: string[] = [];
    const door = await openTestDoor({
      methods: [leader, waiting(seen)],
      door: { requestsPerConnectionMax: 1 },
    });
    const held = failure(door.pool.call(door.server, { method: kvsGet, request: key("a") }));
    await settled();
    const refused = await failure(askLeader(door));
    expect((refused as Error).message).toEndWith("try again later or against a different server");
    door.pool.close();
    await held;
  });

  test("serves no further request while the answers are not read", async () => {
    let served = 0;
    const value = new Uint8Array(100_000);
    const list = answers(kvsList, () => {
      served += 1;
      return Promise.resolve(IndexedDirEntries.make({ Entries: [DirEntry.make({ Value: value })] }));
    });
    const door = await openTestDoor({ methods: [list] });
    const client = new YamuxSession("dialler", defaultYamuxOptions, door.clock.monotonicMs());
    const connection = await raw(door, 4);
    connection.handle({ data: () => undefined, ended: () => undefined, closed: () => undefined });
    const id = client.open(door.clock.monotonicMs());
    const writer = new MsgpackWriter();
    for (let seq = 0; seq < 50; seq += 1) writeRequest(writer, { seq, method: kvsList, request: key("a") });
    client.write(id, writer.take());
    for (const bytes of client.takeOutput()) connection.write(bytes);
    for (let i = 0; i < 10; i += 1) await settled();
    expect(served).toBe(3);
    connection.write(encodeFrame({ type: frameType.windowUpdate, flags: 0, streamId: id, length: 200_000 }));
    for (let i = 0; i < 10; i += 1) await settled();
    expect(served).toBe(5);
  });

  test("closes a stream whose requests take more than the connection's share", async () => {
    const door = await openTestDoor({ methods: [leader], door: { heldBytesPerConnectionMax: 1_000 } });
    const seen = listening(await raw(door, 0, 0xc0, 0xdb, 0, 0, 0xff, 0xff, ...new Uint8Array(1_001)));
    await settled();
    expect(seen.events).toEqual(["ended"]);
    const two = await raw(door, 0, 0xc0, 0xdb, 0, 0, 0xff, 0xff, ...new Uint8Array(900));
    expect(await askLeader(door)).toBe("10.0.0.1:8300");
    two.destroy();
  });

  test("survives any bytes", async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 6 });
    const door = await openTestDoor({ methods: [leader], door: { requestBytesMax: 1000 } });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(0, 4, 5, 7), chunks, async (first, list) => {
        const connection = await raw(door, first);
        listening(connection);
        for (const chunk of list) connection.write(chunk);
        await settled();
        connection.destroy();
        await settled();
      }),
      { numRuns: 60 },
    );
    expect(await askLeader(door)).toBe("10.0.0.1:8300");
  });
});

describe("snapshots", () => {
  const archive = new Uint8Array(3_000_000).map((_, at) => at % 251);
  const target: SnapshotTarget = { datacenter: "dc1", allowStale: true, token: "t" };

  test("travel both ways, in slices", async () => {
    const seen: unknown[] = [];
    const door = await openTestDoor({
      methods: [],
      snapshots: {
        save: (asked) => {
          seen.push(asked);
          return Promise.resolve({ archive, index: 57, knownLeader: true, lastContactMs: 3 });
        },
        restore: (bytes, asked) => {
          seen.push(asked, Buffer.compare(bytes, archive));
          return Promise.resolve();
        },
      },
    });
    const client = new SnapshotClient({
      pool: door.pool,
      clock: door.clock,
      archiveBytesMax: 4_000_000,
      silenceMs: 60_000,
    });
    const saved = await client.save(door.server, target);
    expect(Buffer.compare(saved.archive, archive)).toBe(0);
    expect({ ...saved, archive: 0 }).toEqual({ archive: 0, index: 57, knownLeader: true, lastContactMs: 3 });
    await client.restore(door.server, archive, { ...target, allowStale: false });
    expect(seen).toEqual([target, { ...target, allowStale: false }, 0]);
    const small = new SnapshotClient({
      pool: door.pool,
      clock: door.clock,
      archiveBytesMax: 1_000,
      silenceMs: 60_000,
    });
    expect(await failure(small.save(door.server, target))).toBeInstanceOf(RpcConnectionError);
  });

  test("are refused with the server's text", async () => {
    const door = await openTestDoor({ methods: [] });
    const client = new SnapshotClient({
      pool: door.pool,
      clock: door.clock,
      archiveBytesMax: 4_000_000,
      silenceMs: 60_000,
    });
    for (const refused of [
      failure(client.save(door.server, target)),
      failure(client.restore(door.server, archive, target)),
    ]) {
      expect((await refused) as Error).toMatchObject({ message: "no snapshots here", code: "rpc" });
    }
  });
});
