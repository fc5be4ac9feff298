import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { monotonicMs } from "../../lib/clock.ts";
import { encodeFrame, FrameDecoder, frameFlag, frameHeaderBytes, frameType, goAwayReason } from "./frame.ts";
import { defaultYamuxOptions, type YamuxOptions } from "./options.ts";
import { YamuxSession, type YamuxEvent } from "./session.ts";

const start = monotonicMs(1000);
const window = defaultYamuxOptions.windowBytes;

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function session(role: "dialler" | "acceptor", options: Partial<YamuxOptions> = {}): YamuxSession {
  return new YamuxSession(role, { ...defaultYamuxOptions, ...options }, start);
}

const sent = (one: YamuxSession): string => Buffer.from(concat(one.takeOutput())).toString("hex");
const frame = (
  type: number,
  flags: number,
  ...on: readonly [streamId: number, length?: number]
): Uint8Array => encodeFrame({ type, flags, streamId: on[0], length: on[1] ?? 0 });

/** Carries everything that waits from one session to the other, both ways, until nothing is left. */
function exchange(a: YamuxSession, b: YamuxSession): { a: YamuxEvent[]; b: YamuxEvent[] } {
  const seen = { a: [] as YamuxEvent[], b: [] as YamuxEvent[] };
  for (let moved = true; moved;) {
    moved = false;
    for (const [from, to, events] of [
      [a, b, seen.b],
      [b, a, seen.a],
    ] as const) {
      if (!from.hasOutput) continue;
      moved = true;
      to.receive(concat(from.takeOutput()), start);
      events.push(...to.takeEvents());
    }
  }
  return seen;
}

describe("both roles", () => {
  test("a request and its answer, byte for byte as Consul's agents do it", () => {
    const client = session("dialler");
    const id = client.open(start);
    client.write(id, Uint8Array.of(1, 2));
    expect(sent(client)).toBe("000100010000000100000000" + "000000000000000100000002" + "0102");
    const server = session("acceptor");
    server.receive(frame(frameType.windowUpdate, frameFlag.syn, 1), start);
    expect(server.takeEvents()).toEqual([{ kind: "opened", streamId: 1 }]);
    server.accept(1);
    server.write(1, Uint8Array.of(9));
    server.end(1, start);
    expect(sent(server)).toBe(
      "000100020000000100000000" + "000000000000000100000001" + "09" + "000100040000000100000000",
    );
  });

  test("bytes with room for the header leave as they are", () => {
    const client = session("dialler");
    const id = client.open(start);
    client.takeOutput();
    const bytes = new Uint8Array(frameHeaderBytes + 3).fill(7);
    client.writeWithRoom(id, bytes);
    const [only] = client.takeOutput();
    expect(only).toBe(bytes);
    expect(Buffer.from(bytes).toString("hex")).toBe("000000000000000100000003070707");
  });

  test("a stream ends when both sides have ended it, and its id is forgotten", () => {
    const [client, server] = [session("dialler"), session("acceptor")];
    const id = client.open(start);
    client.end(id, start);
    expect(exchange(client, server).b).toEqual([
      { kind: "opened", streamId: id },
      { kind: "ended", streamId: id },
    ]);
    server.accept(id);
    server.end(id, start);
    expect(exchange(client, server)).toEqual({
      a: [
        { kind: "ended", streamId: id },
        { kind: "closed", streamId: id, isReset: false },
      ],
      b: [],
    });
    expect(server.takeEvents()).toEqual([{ kind: "closed", streamId: id, isReset: false }]);
    expect([client.streamCount, server.streamCount]).toEqual([0, 0]);
  });

  test("a data frame with FIN ends the stream behind its payload", () => {
    const server = session("acceptor");
    server.receive(frame(frameType.windowUpdate, frameFlag.syn, 1), start);
    server.accept(1);
    server.end(1, start);
    server.receive(frame(frameType.data, frameFlag.fin, 1, 2), start);
    server.receive(Uint8Array.of(5), start);
    server.receive(Uint8Array.of(6), start);
    expect(server.takeEvents().slice(1)).toEqual([
      { kind: "data", streamId: 1, bytes: Uint8Array.of(5) },
      { kind: "data", streamId: 1, bytes: Uint8Array.of(6) },
      { kind: "ended", streamId: 1 },
      { kind: "closed", streamId: 1, isReset: false },
    ]);
  });
});

describe("windows", () => {
  test("a sender stops at the peer's window and goes on when half of it was consumed", () => {
    const [client, server] = [session("dialler"), session("acceptor")];
    const id = client.open(start);
    exchange(client, server);
    server.accept(id);
    client.write(id, new Uint8Array(window + 10));
    exchange(client, server);
    expect(client.pendingBytes(id)).toBe(10);
    server.consume(id, window / 2 - 1);
    expect(server.takeOutput()).toEqual([]);
    server.consume(id, 1);
    const { a } = exchange(client, server);
    expect(a).toEqual([{ kind: "drained", streamId: id }]);
    expect(client.pendingBytes(id)).toBe(0);
  });

  test("while the socket is full, data waits and control frames do not", () => {
    const client = session("dialler");
    const id = client.open(start);
    client.takeOutput();
    client.setWritable(false, start);
    client.writeWithRoom(id, new Uint8Array(frameHeaderBytes + 4));
    client.receive(frame(frameType.ping, frameFlag.syn, 0, 7), start);
    expect(sent(client)).toBe("000200020000000000000007");
    client.setWritable(true, start);
    expect(sent(client)).toBe("00000000000000010000000400000000");
  });
});

describe("limits", () => {
  test("streams that nobody accepts are refused beyond the backlog", () => {
    const server = session("acceptor", { backlogMax: 2 });
    for (const id of [1, 3, 5]) server.receive(frame(frameType.windowUpdate, frameFlag.syn, id), start);
    expect(sent(server)).toBe("000100080000000500000000");
    server.accept(1);
    server.receive(frame(frameType.windowUpdate, frameFlag.syn, 7), start);
    expect(server.streamCount).toBe(3);
  });

  test("streams beyond the peer's share are refused until one is over", () => {
    const server = session("acceptor", { peerStreamsMax: 1 });
    const open = (id: number): void => {
      server.receive(frame(frameType.windowUpdate, frameFlag.syn, id), start);
      server.accept(id);
    };
    open(2);
    open(3);
    expect(sent(server)).toBe("000100020000000200000000" + "000100080000000300000000");
    server.reset(2);
    open(5);
    expect(server.streamCount).toBe(1);
  });

  test("own streams wait for the peer to acknowledge earlier ones", () => {
    const client = session("dialler", { backlogMax: 1 });
    client.open(start);
    client.takeOutput();
    const second = client.open(start);
    client.write(second, Uint8Array.of(1));
    expect(client.hasOutput).toBe(false);
    client.receive(frame(frameType.windowUpdate, frameFlag.ack, 1), start);
    expect(sent(client)).toBe("000100010000000300000000" + "00000000000000030000000101");
  });
});

describe("time", () => {
  test("pings keep the session; one that is not answered ends it", () => {
    const client = session("dialler");
    expect(client.wakeAtMs).toBe(31_000);
    client.tick(monotonicMs(31_000));
    expect(sent(client)).toBe("000200010000000000000001");
    client.receive(frame(frameType.ping, frameFlag.ack, 0, 1), monotonicMs(31_001));
    expect(client.wakeAtMs).toBe(61_000);
    client.tick(monotonicMs(61_000));
    expect(client.wakeAtMs).toBe(71_000);
    client.tick(monotonicMs(71_000));
    expect(client.takeEvents()).toEqual([{ kind: "failed", problem: "keepalive timeout" }]);
  });

  test("a stream that is never acknowledged ends the session, one that is never ended is reset", () => {
    const [client, server] = [session("dialler"), session("acceptor")];
    const id = client.open(start);
    exchange(client, server);
    server.accept(id);
    exchange(client, server);
    client.end(id, start);
    const late = monotonicMs(start + defaultYamuxOptions.closeTimeoutMs);
    client.tick(late);
    expect(client.takeEvents()).toEqual([{ kind: "closed", streamId: id, isReset: true }]);
    client.receive(frame(frameType.ping, frameFlag.ack, 0, 1), late);
    client.open(late);
    client.tick(monotonicMs(late + defaultYamuxOptions.openTimeoutMs));
    expect(client.takeEvents()).toEqual([
      { kind: "failed", problem: "a stream was not acknowledged in time" },
    ]);
  });
});

describe("peers that break the rules", () => {
  const opened = (): YamuxSession => {
    const server = session("acceptor");
    server.receive(frame(frameType.windowUpdate, frameFlag.syn, 1), start);
    server.accept(1);
    server.takeEvents();
    server.takeOutput();
    return server;
  };

  test.each([
    { name: "another version", bytes: Uint8Array.of(1, ...new Uint8Array(11)) },
    { name: "an unknown type", bytes: frame(4, 0, 1) },
    { name: "a stream opened twice", bytes: frame(frameType.data, frameFlag.syn, 1) },
    { name: "stream 0", bytes: frame(frameType.data, frameFlag.syn, 0) },
    { name: "more than the window", bytes: frame(frameType.data, 0, 1, window + 1) },
    {
      name: "two ends",
      bytes: concat([
        frame(frameType.windowUpdate, frameFlag.fin, 1),
        frame(frameType.windowUpdate, frameFlag.fin, 1),
      ]),
    },
  ])("$name: the session ends with a go-away", ({ bytes }) => {
    const server = opened();
    server.receive(bytes, start);
    expect(server.takeEvents().at(-1)?.kind).toBe("failed");
    expect(sent(server)).toBe("000300000000000000000001");
    server.receive(frame(frameType.ping, frameFlag.syn, 0), start);
    expect(server.hasOutput).toBe(false);
  });

  test("frames of unknown streams are dropped, payload and all", () => {
    const server = opened();
    server.receive(concat([frame(frameType.data, 0, 99, 3), Uint8Array.of(1, 2, 3)]), start);
    server.receive(frame(frameType.windowUpdate, frameFlag.fin, 99), start);
    server.receive(frame(frameType.windowUpdate, frameFlag.rst, 99), start);
    server.receive(concat([frame(frameType.data, 0, 1, 1), Uint8Array.of(4)]), start);
    expect(server.takeEvents()).toEqual([{ kind: "data", streamId: 1, bytes: Uint8Array.of(4) }]);
  });

  test("a reset ends the stream only; a normal go-away only the opening", () => {
    const client = session("dialler");
    const id = client.open(start);
    client.receive(frame(frameType.windowUpdate, frameFlag.rst, id), start);
    client.receive(frame(frameType.goAway, 0, 0, goAwayReason.normal), start);
    expect(client.takeEvents()).toEqual([
      { kind: "closed", streamId: id, isReset: true },
      { kind: "goAway" },
    ]);
    expect(client.canOpen).toBe(false);
    client.receive(frame(frameType.goAway, 0, 0, goAwayReason.internalError), start);
    expect(client.takeEvents().at(-1)?.kind).toBe("failed");
  });

  test("no bytes do anything but end the session", () => {
    const header = fc
      .record({
        type: fc.nat(4),
        flags: fc.nat(31),
        streamId: fc.nat(6),
        length: fc.oneof(fc.nat(4), fc.nat(0xffff_ffff)),
      })
      .map((one) => encodeFrame(one));
    const input = fc.array(fc.oneof(header, fc.uint8Array({ maxLength: 30 })), { maxLength: 40 });
    fc.assert(
      fc.property(input, fc.nat(50), (parts, cut) => {
        const server = session("acceptor", { backlogMax: 3, peerStreamsMax: 5 });
        const bytes = concat(parts);
        for (let at = 0; at < bytes.length; at += cut + 1) {
          server.receive(bytes.subarray(at, at + cut + 1), start);
          for (const event of server.takeEvents()) {
            if (event.kind === "opened") server.accept(event.streamId);
            if (event.kind === "data") server.consume(event.streamId, event.bytes.length);
            if (event.kind === "ended") server.end(event.streamId, start);
          }
          expect(server.streamCount).toBeLessThanOrEqual(5);
        }
      }),
    );
  });
});

test("whatever is written arrives, however the bytes are cut", () => {
  const writes = fc.array(fc.tuple(fc.nat(3), fc.nat(200_000)), { maxLength: 12 });
  fc.assert(
    fc.property(writes, fc.integer({ min: 1, max: 70_000 }), (list, cut) => {
      const [client, server] = [session("dialler"), session("acceptor")];
      const ids = [0, 1, 2, 3].map(() => client.open(start));
      const expected = new Map<number, number>();
      const got = new Map<number, number>();
      for (const [which, size] of list) {
        const id = ids[which] ?? 0;
        client.write(id, new Uint8Array(size));
        if (size > 0) expected.set(id, (expected.get(id) ?? 0) + size);
      }
      for (let rounds = 0; client.hasOutput || server.hasOutput; rounds += 1) {
        expect(rounds).toBeLessThan(1000);
        const bytes = concat(client.takeOutput());
        for (let at = 0; at < bytes.length; at += cut) server.receive(bytes.subarray(at, at + cut), start);
        for (const event of server.takeEvents()) {
          expect(event.kind).not.toBe("failed");
          if (event.kind === "opened") server.accept(event.streamId);
          if (event.kind !== "data") continue;
          got.set(event.streamId, (got.get(event.streamId) ?? 0) + event.bytes.length);
          server.consume(event.streamId, event.bytes.length);
        }
        client.receive(concat(server.takeOutput()), start);
      }
      expect(got).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

interface Vector {
  readonly dir?: "c>s" | "s>c";
  readonly type?: string;
  readonly flags?: string;
  readonly stream?: number;
  readonly length?: number;
  readonly hex: string;
}

const path = join(import.meta.dir, "../../../../shared/protocol/vectors/yamux.json");
const present = existsSync(path);
if (!present) console.warn("skipped: yamux vectors, since ../shared/protocol/vectors is not there");

describe.skipIf(!present)("what real agents sent", () => {
  const { vectors } = present
    ? (JSON.parse(readFileSync(path, "utf8")) as { vectors: Vector[] })
    : { vectors: [] };

  test.each(vectors.filter(({ type }) => type !== undefined))("$dir $type $flags", (vector) => {
    const decoder = new FrameDecoder();
    const bytes = Buffer.from(vector.hex.replace(/\.+$/, ""), "hex");
    decoder.feed(bytes);
    const part = decoder.next();
    const bits = vector.flags === "" ? [] : (vector.flags ?? "").split("|");
    const flags = bits.reduce(
      (sum, name) => sum + (frameFlag[name.toLowerCase() as keyof typeof frameFlag] ?? 0),
      0,
    );
    const header = {
      type: frameType[vector.type as keyof typeof frameType],
      flags,
      streamId: vector.stream ?? -1,
      length: vector.length ?? -1,
    };
    expect(part).toEqual({ kind: "header", header });
    expect(Buffer.from(encodeFrame(header))).toEqual(bytes.subarray(0, frameHeaderBytes));
  });

  test("a session replays the recorded conversation without complaint", () => {
    const server = session("acceptor");
    const client = session("dialler");
    client.open(start);
    for (const { dir, hex, type, length } of vectors) {
      if (type === undefined || dir === undefined) continue;
      // Long payloads are cut short in the vectors.
      const bytes = new Uint8Array(frameHeaderBytes + (type === "data" ? (length ?? 0) : 0));
      bytes.set(Buffer.from(hex, "hex"));
      (dir === "c>s" ? server : client).receive(bytes, start);
      for (const event of server.takeEvents()) if (event.kind === "opened") server.accept(event.streamId);
      for (const one of [server, client])
        expect(one.takeEvents().some(({ kind }) => kind === "failed")).toBe(false);
    }
  });
});
