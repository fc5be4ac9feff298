import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { DecodeError } from "../../lib/errors.ts";
import { crc32 } from "../../lib/crc32.ts";
import { LzwEncoder, lzwDecode } from "./lzw.ts";

const file = join(import.meta.dir, "../../../../shared/protocol/vectors/lzw.json");
const present = existsSync(file);
if (!present) console.warn("skipped: LZW vectors, since ../shared/protocol/vectors is not there");

interface Vector {
  readonly name: string;
  readonly lzw_hex: string;
  readonly lzw_len: number;
  readonly lzw_crc32: string;
  readonly plain_hex?: string;
  readonly plain_crc32: string;
  readonly plain_len: number;
}

/** The plaintext of a vector that gives it only as a recipe. */
function plainOf(vector: Vector): Uint8Array {
  if (vector.plain_hex !== undefined) return Buffer.from(vector.plain_hex, "hex");
  if (vector.name.includes("'ab'")) return Buffer.from("ab".repeat(10_000));
  let x = 12_345;
  return Uint8Array.from({ length: vector.plain_len }, () => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    return x >>> 24;
  });
}

const limit = 1 << 20;
const hex = (value: number): string => value.toString(16).padStart(8, "0");

describe.skipIf(!present)("vectors of LZW", () => {
  const vectors = present ? (JSON.parse(readFileSync(file, "utf8")) as { vectors: Vector[] }).vectors : [];

  test.each(vectors)("$name", (vector) => {
    const plain = plainOf(vector);
    expect(hex(crc32(plain))).toBe(vector.plain_crc32);
    const compressed = new LzwEncoder().encode(plain);
    expect(compressed.length).toBe(vector.lzw_len);
    expect(hex(crc32(compressed))).toBe(vector.lzw_crc32);
    expect(Buffer.from(lzwDecode(compressed, limit))).toEqual(Buffer.from(plain));
  });
});

test("what was compressed comes back, with one encoder used again and again", () => {
  const encoder = new LzwEncoder();
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 20_000 }), (values) => {
      const plain = Uint8Array.from(values);
      expect(Buffer.from(lzwDecode(encoder.encode(plain), limit))).toEqual(Buffer.from(plain));
    }),
    { numRuns: 60 },
  );
});

test("tables of earlier calls are forgotten, however many there were", () => {
  const encoder = new LzwEncoder();
  const plain = new Uint8Array(Buffer.from("abababcabababd".repeat(20)));
  const fresh = Buffer.from(new LzwEncoder().encode(plain));
  for (let i = 0; i < 5000; i += 1) {
    if (!fresh.equals(encoder.encode(plain))) throw new Error(`differs after ${i} calls`);
  }
});

test("noise of any length fits the buffer that is made for it", () => {
  fc.assert(
    fc.property(fc.nat(12_000), fc.integer(), (length, seed) => {
      let x = seed;
      const plain = Uint8Array.from({ length }, () => (x = Math.imul(x, 1_664_525) + 1_013_904_223) >>> 24);
      expect(Buffer.from(lzwDecode(new LzwEncoder().encode(plain), limit))).toEqual(Buffer.from(plain));
    }),
    { numRuns: 100 },
  );
});

test("a full table is used on without a clear code", () => {
  // Codes of fixed, growing width by hand: literals only, so that the table fills and stays full.
  const codes: { readonly code: number; readonly width: number }[] = [{ code: 256, width: 9 }];
  let highest = 257;
  let width = 9;
  let isFirst = true;
  for (let i = 0; i < 5000; i += 1) {
    codes.push({ code: i & 0xff, width });
    if (isFirst || highest < 4095) highest += 1;
    isFirst = false;
    if (highest >= 1 << width && width < 12) width += 1;
    else if (highest >= 4096) highest = 4095;
  }
  codes.push({ code: 257, width });
  const bits = codes.flatMap(({ code, width: size }) =>
    Array.from({ length: size }, (_, bit) => (code >> bit) & 1),
  );
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [index, bit] of bits.entries())
    bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (bit << (index & 7));
  expect(Buffer.from(lzwDecode(bytes, limit))).toEqual(
    Buffer.from(Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff)),
  );
});

test.each([
  { name: "no input", hex: "" },
  { name: "no end code", hex: "0083" },
  { name: "a code beyond the table", hex: "00ff" },
])("hostile input is refused: $name", ({ hex: text }) => {
  expect(() => lzwDecode(Buffer.from(text, "hex"), limit)).toThrow(DecodeError);
});

test("output beyond the limit is refused before it is made", () => {
  const bomb = new LzwEncoder().encode(new Uint8Array(500_000));
  expect(bomb.length).toBeLessThan(5000);
  expect(() => lzwDecode(bomb, 499_999)).toThrow("lzw: more than 499999 bytes of output");
  expect(lzwDecode(bomb, 500_000).length).toBe(500_000);
});

test("random bytes throw nothing but DecodeError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        expect(lzwDecode(bytes, 10_000).length).toBeLessThanOrEqual(10_000);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
    { numRuns: 2000 },
  );
});
