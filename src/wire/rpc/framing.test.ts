import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DecodeError } from "../../lib/errors.ts";
import { MsgpackReader } from "../msgpack/reader.ts";
import { MsgpackWriter } from "../msgpack/writer.ts";
import { decodeMsgpack } from "../schema/codec.ts";
import { SnapshotRequest, SnapshotResponse } from "../structs/snapshot.ts";
import {
  PairReader,
  readRequestHeader,
  readResponseHeader,
  writeErrorReply,
  writeReply,
  writeRequest,
} from "./framing.ts";
import type { RpcMethod } from "./method.ts";
import * as methods from "./methods.ts";
import * as operatorMethods from "./operator-methods.ts";

const known = new Map<string, RpcMethod<unknown, unknown>>();
for (const one of [...Object.values(methods), ...Object.values(operatorMethods)]) {
  known.set(one.name, one as RpcMethod<unknown, unknown>);
}
const empty = Uint8Array.of();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function written(write: (writer: MsgpackWriter) => void): Uint8Array {
  const writer = new MsgpackWriter();
  write(writer);
  return writer.take();
}

/** Feeds `bytes` cut into pieces and takes every pair as soon as it is there. */
function pairsOf(bytes: Uint8Array, cut: number): string[] {
  const reader = new PairReader(1 << 20);
  const pairs: string[] = [];
  for (let at = 0; at < bytes.length; at += cut) {
    reader.push(bytes.subarray(at, at + cut));
    for (let pair = reader.take(); pair !== undefined; pair = reader.take()) pairs.push(hex(pair));
  }
  expect(reader.heldBytes).toBe(0);
  return pairs;
}

describe("bytes", () => {
  test("a ping and its answers, as the reference prints them", () => {
    const ping = known.get("KVS.Apply");
    expect(ping).toBeDefined();
    const request = written((writer) =>
      writeRequest(writer, {
        seq: 1,
        method: { ...methods.statusLeader, name: "Status.Ping" },
        request: methods.statusLeader.request.zero,
      }),
    );
    expect(hex(request)).toStartWith("82a353657101ad536572766963654d6574686f64ab5374617475732e50696e67");
    expect(
      hex(written((writer) => writeReply(writer, { seq: 2, method: methods.statusLeader, reply: "x" }))),
    ).toBe("83a54572726f72a0a353657102ad536572766963654d6574686f64ad5374617475732e4c6561646572" + "a178");
    const header = { Error: "no", Seq: 3, ServiceMethod: "A.B" };
    const failed = written((writer) => writeErrorReply(writer, header));
    expect(hex(failed)).toBe("83a54572726f72a26e6fa353657103ad536572766963654d6574686f64a3412e4280");
    expect(readResponseHeader(new MsgpackReader(failed))).toEqual(header);
  });
});

interface Nested {
  readonly value: readonly number[];
}

const oneOf = (...bytes: readonly (readonly number[])[]): fc.Arbitrary<readonly number[]> =>
  fc.constantFrom(...bytes);

const flat = (items: readonly unknown[]): number[] => items.flat(2) as number[];

/** Any MessagePack value, in any of its forms. */
const value: fc.Arbitrary<readonly number[]> = fc.letrec<Nested>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    oneOf([0xc0], [0xc3], [0x05], [0xe0], [0xcc, 1], [0xd1, 1, 2], [0xce, 1, 2, 3, 4]),
    oneOf([0xcb, 1, 2, 3, 4, 5, 6, 7, 8], [0xd3, 1, 2, 3, 4, 5, 6, 7, 8], [0xca, 1, 2, 3, 4]),
    oneOf([0xd4, 9, 1], [0xd5, 9, 1, 2], [0xd8, 9, ...Array<number>(16).fill(1)], [0xc7, 2, 9, 1, 2]),
    fc
      .array(fc.nat(255), { maxLength: 40 })
      .chain((raw) =>
        oneOf(
          ...(raw.length < 32 ? [[0xa0 | raw.length, ...raw]] : []),
          [0xd9, raw.length, ...raw],
          [0xda, 0, raw.length, ...raw],
          [0xdb, 0, 0, 0, raw.length, ...raw],
          [0xc4, raw.length, ...raw],
          [0xc5, 0, raw.length, ...raw],
          [0xc6, 0, 0, 0, raw.length, ...raw],
        ),
      ),
    fc
      .array(tie("value"), { maxLength: 4 })
      .chain((items) =>
        oneOf(
          [0x90 | items.length, ...flat(items)],
          [0xdc, 0, items.length, ...flat(items)],
          [0xdd, 0, 0, 0, items.length, ...flat(items)],
        ),
      ),
    fc
      .array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 })
      .chain((items) =>
        oneOf(
          [0x80 | items.length, ...flat(items)],
          [0xde, 0, items.length, ...flat(items)],
          [0xdf, 0, 0, 0, items.length, ...flat(items)],
        ),
      ),
  ),
})).value;

describe("the end of a pair", () => {
  test("is found wherever the bytes are cut, as a reader of values finds it", () => {
    const pairs = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(pairs, fc.integer({ min: 1, max: 90 }), (list, cut) => {
        const bytes = list.map(([head, body]) => Uint8Array.from([...head, ...body]));
        for (const one of bytes) {
          const reader = new MsgpackReader(one);
          reader.skip();
          reader.skip();
          reader.expectEnd();
        }
        expect(pairsOf(new Uint8Array(Buffer.concat(bytes)), cut)).toEqual(bytes.map(hex));
      }),
    );
  });

  test("is found in time that grows with the bytes, not with their square", () => {
    const bytes = new Uint8Array(8 << 20);
    bytes.set([0xc0, 0xdd, 0, 0x7f, 0xff, 0xfa]);
    const reader = new PairReader(16 << 20);
    let found: Uint8Array | undefined;
    for (let at = 0; at < bytes.length; at += 4096) {
      reader.push(bytes.subarray(at, at + 4096));
      found = reader.take();
    }
    expect(found?.length).toBe(bytes.length);
  });

  test.each([
    { name: "a length that lies", bytes: [0xc0, 0xdb, 0xff, 0xff, 0xff, 0xff] },
    { name: "the unused byte", bytes: [0xc0, 0xc1] },
  ])("$name ends the stream", ({ bytes }) => {
    const reader = new PairReader(1000);
    reader.push(Uint8Array.from(bytes));
    expect(() => reader.take()).toThrow(DecodeError);
  });

  test("a message that grows beyond the limit ends the stream, even without a length", () => {
    const reader = new PairReader(1000);
    reader.push(Uint8Array.from([0xc0, 0xdd, 0xff, 0xff, 0xff, 0xff]));
    expect(() => {
      for (let i = 0; i < 20; i += 1) {
        reader.push(new Uint8Array(100));
        reader.take();
      }
    }).toThrow(DecodeError);
  });

  test("a small pair does not keep the large buffer that it came in", () => {
    const reader = new PairReader(1000);
    const chunk = new Uint8Array(65_536);
    reader.push(chunk);
    expect(reader.take()?.buffer.byteLength).toBe(2);
  });

  test("no bytes do anything but end the stream", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), (chunks) => {
        const reader = new PairReader(200);
        try {
          for (const chunk of chunks) {
            reader.push(chunk);
            while (reader.take() !== undefined) expect(reader.heldBytes).toBeLessThan(500);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });
});

interface Vector {
  readonly method: string;
  readonly request_header_hex: string;
  readonly request_body_hex: string;
  readonly response_header_hex: string;
  readonly response_body_hex: string;
  readonly request_header: { readonly Seq: number };
  readonly response_header: { readonly Error: string };
}

const folder = join(import.meta.dir, "../../../../shared/protocol/vectors");
const present = existsSync(join(folder, "rpc.json"));
if (!present) console.warn("skipped: rpc vectors, since ../shared/protocol/vectors is not there");
const load = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), "utf8"));

describe.skipIf(!present)("what real agents and servers sent", () => {
  const { vectors } = present ? (load("rpc.json") as { vectors: Vector[] }) : { vectors: [] };

  test.each(vectors)("$method", (vector) => {
    const request = Buffer.from(vector.request_header_hex + vector.request_body_hex, "hex");
    const response = Buffer.from(vector.response_header_hex + vector.response_body_hex, "hex");
    expect(pairsOf(new Uint8Array(request), 7)).toEqual([hex(request)]);
    expect(pairsOf(new Uint8Array(response), 64)).toEqual([hex(response)]);

    const argument = new MsgpackReader(request);
    expect(readRequestHeader(argument)).toEqual({
      Seq: vector.request_header.Seq,
      ServiceMethod: vector.method,
    });
    const reply = new MsgpackReader(response);
    const head = readResponseHeader(reply);
    expect(head.Error).toBe(vector.response_header.Error);
    const method = known.get(vector.method);
    if (method === undefined) return;
    const read = method.request.decode(argument);
    argument.expectEnd();
    const again = written((writer) => writeRequest(writer, { seq: head.Seq, method, request: read }));
    const reader = new MsgpackReader(again);
    readRequestHeader(reader);
    expect(method.request.decode(reader)).toEqual(read);
    if (head.Error !== "") return;
    method.reply.decode(reply);
    reply.expectEnd();
  });

  test("most of what they sent is of methods that exist here", () => {
    expect(vectors.filter(({ method }) => known.has(method)).length).toBeGreaterThan(40);
  });

  test("snapshot requests", () => {
    const [vector] = (
      load("snapshot_rpc.json") as {
        vectors: { request_hex: string; request: object; response_header_hex: string; response: object }[];
      }
    ).vectors;
    const request = Buffer.from(vector?.request_hex ?? "", "hex");
    expect(request[0]).toBe(5);
    expect(decodeMsgpack(SnapshotRequest, request.subarray(1))).toEqual(vector?.request as SnapshotRequest);
    const response = decodeMsgpack(SnapshotResponse, Buffer.from(vector?.response_header_hex ?? "", "hex"));
    expect(vector?.response).toMatchObject(response);
  });
});

test("an empty push changes nothing", () => {
  const reader = new PairReader(10);
  reader.push(empty);
  expect(reader.take()).toBeUndefined();
});
