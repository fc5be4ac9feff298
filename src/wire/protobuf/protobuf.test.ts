import { expect, test } from "bun:test";
import { DecodeError } from "../../lib/errors.ts";
import { decodeProto } from "./decode.ts";
import { encodeProto, ProtoWriter, type ProtoTable } from "./encode.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const text = { kind: "text" } as const;
const int = { kind: "int" } as const;

test.each<{ name: string; table: ProtoTable; value: object; expected: string }>([
  // The first two are the examples of protobuf.dev.
  { name: "a varint", table: { a: [1, int] }, value: { a: 150 }, expected: "089601" },
  { name: "text", table: { b: [2, text] }, value: { b: "testing" }, expected: "120774657374696e67" },
  {
    name: "a negative integer",
    table: { a: [1, int] },
    value: { a: -2 },
    expected: "08feffffffffffffffff01",
  },
  { name: "zero values", table: { a: [1, int], b: [2, text] }, value: { a: 0, b: "" }, expected: "" },
  {
    name: "a message",
    table: { c: [3, { kind: "nested", message: { a: [1, int] } }] },
    value: { c: { a: 150 } },
    expected: "1a03089601",
  },
  {
    name: "fields of the same object",
    table: { X: [7, { kind: "same", message: { a: [1, int] } }] },
    value: { a: 1 },
    expected: "3a020801",
  },
  {
    name: "a list of text",
    table: { d: [4, { kind: "texts" }] },
    value: { d: ["a", ""] },
    expected: "2201612200",
  },
  {
    name: "a map",
    table: { e: [5, { kind: "textMap" }] },
    value: { e: { k: "v" } },
    expected: "2a060a016b120176",
  },
  {
    name: "a duration",
    table: { f: [6, { kind: "durationNs" }] },
    value: { f: 1.5e9 },
    expected: "320808011080cab5ee01",
  },
  {
    name: "null",
    table: { a: [1, int], e: [5, { kind: "textMap" }] },
    value: { a: null, e: null },
    expected: "",
  },
])("$name", ({ table, value, expected }) => {
  expect(hex(encodeProto(table, value))).toBe(expected);
});

test("values without a schema", () => {
  const bytes = encodeProto(
    { g: [1, { kind: "anyMap" }] },
    { g: { s: "x", n: 1.5, b: false, z: null, l: [true], o: {} } },
  );
  const [struct] = decodeProto(bytes);
  const entries = struct?.kind === "bytes" ? decodeProto(struct.value) : [];
  const shown = entries.map((entry) => {
    const [key, value] = entry.kind === "bytes" ? decodeProto(entry.value) : [];
    return [
      key?.kind === "bytes" ? new TextDecoder().decode(key.value) : "",
      value?.kind === "bytes" ? hex(value.value) : "",
    ];
  });
  expect(Object.fromEntries(shown)).toEqual({
    s: "1a0178",
    n: "11000000000000f83f",
    b: "2000",
    z: "0800",
    l: "32040a022001",
    o: "2a00",
  });
});

test("fields are found in order; what cannot be is refused", () => {
  const writer = new ProtoWriter();
  writer.int(1, 2 ** 40);
  writer.double(2, 1);
  writer.chunk(3, Uint8Array.of(9));
  expect(decodeProto(writer.bytes())).toEqual([
    { fieldNumber: 1, kind: "int", value: 2 ** 40 },
    { fieldNumber: 3, kind: "bytes", value: Uint8Array.of(9) },
  ]);
  for (const bytes of [
    [0x08],
    [0x1a, 5, 1],
    [0x0b],
    [0x09, 1],
    [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
  ]) {
    expect(() => decodeProto(Uint8Array.from(bytes))).toThrow(DecodeError);
  }
});
