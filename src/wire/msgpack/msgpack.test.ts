import { expect, test } from "bun:test";
import { decode as oracleDecode, encode as oracleEncode } from "@msgpack/msgpack";
import fc from "fast-check";
import { DecodeError } from "../../lib/errors.ts";
import { decodeMsgpack, encodeMsgpack } from "../schema/codec.ts";
import { any } from "../schema/collections.ts";
import { bytes, float64, int, str, u64 } from "../schema/scalars.ts";
import { KVSRequest } from "../structs/kv.ts";
import { RegisterRequest } from "../structs/catalog.ts";
import { MsgpackReader } from "./reader.ts";

const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");

test.each([
  { value: 0, expected: "00" },
  { value: 127, expected: "7f" },
  { value: 128, expected: "cc80" },
  { value: 255, expected: "ccff" },
  { value: 256, expected: "cd0100" },
  { value: 65536, expected: "ce00010000" },
  { value: 2 ** 32, expected: "cf0000000100000000" },
  { value: Number.MAX_SAFE_INTEGER, expected: "cf001fffffffffffff" },
  { value: -1, expected: "ff" },
  { value: -32, expected: "e0" },
  { value: -33, expected: "d0df" },
  { value: -129, expected: "d1ff7f" },
  { value: -32769, expected: "d2ffff7fff" },
  { value: -(2 ** 40), expected: "d3ffffff0000000000" },
])("the integer $value takes its smallest form", ({ value, expected }) => {
  expect(hex(encodeMsgpack(int, value))).toBe(expected);
  expect(decodeMsgpack(int, Buffer.from(expected, "hex"))).toBe(value);
});

test("text of 32 bytes and more uses the old raw form, never str8", () => {
  expect(hex(encodeMsgpack(str, "x".repeat(36)))).toStartWith("da0024");
});

test("bytes and text share their form; text refuses bin, bytes accept it", () => {
  expect(hex(encodeMsgpack(bytes, new Uint8Array([1, 2])))).toBe("a20102");
  expect(() => decodeMsgpack(str, Buffer.from("c4020102", "hex"))).toThrow(DecodeError);
  expect(hex(decodeMsgpack(bytes, Buffer.from("c4020102", "hex")) ?? new Uint8Array())).toBe("0102");
});

test("any text, float and 64-bit integer comes back as it was, and an independent decoder agrees", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.double({ noNaN: true }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      (text, real, big) => {
        expect(decodeMsgpack(str, encodeMsgpack(str, text))).toBe(text);
        expect(oracleDecode(encodeMsgpack(str, text))).toBe(text);
        expect(decodeMsgpack(float64, encodeMsgpack(float64, real))).toBe(real);
        expect(decodeMsgpack(u64, encodeMsgpack(u64, big))).toBe(big);
        expect(oracleDecode(encodeMsgpack(u64, big), { useBigInt64: true })).toEqual(
          big <= 0xffff_ffffn ? (Number(big) as never) : (big as never),
        );
      },
    ),
  );
});

test("schema-less values survive an independent encoder", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const read = decodeMsgpack(any, oracleEncode(value));
      expect(JSON.parse(any.json(read))).toEqual(JSON.parse(JSON.stringify(value)) as never);
    }),
  );
});

test("any bytes give a value or a DecodeError, for skipping and for structs", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
      for (const read of [
        () => new MsgpackReader(input).skip(),
        () => decodeMsgpack(any, input),
        () => decodeMsgpack(KVSRequest, input),
        () => decodeMsgpack(RegisterRequest, input),
      ]) {
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test("every truncation and every flipped byte of a real request is an error or another value, never a crash", () => {
  const whole = encodeMsgpack(
    RegisterRequest,
    RegisterRequest.make({
      Node: "a",
      Address: "10.0.0.1",
      NodeMeta: { rack: "r1" },
      TaggedAddresses: { lan: "x" },
    }),
  );
  for (let at = 0; at < whole.length; at += 1) {
    expect(() => decodeMsgpack(RegisterRequest, whole.subarray(0, at))).toThrow(DecodeError);
    for (const flip of [0x01, 0x40, 0x80, 0xff]) {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] ?? 0) ^ flip;
      try {
        decodeMsgpack(RegisterRequest, damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }
  }
});

test("a collection that claims more than the input holds fails at once", () => {
  expect(() => decodeMsgpack(any, Buffer.from("ddffffffff", "hex"))).toThrow(/more elements/);
  expect(() => decodeMsgpack(any, Buffer.from("91".repeat(100), "hex"))).toThrow(/deep|ends/);
});
