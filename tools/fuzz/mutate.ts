/**
 * Makes inputs: well-formed ones, spoiled a little; now and then nothing but noise.
 *
 * Blind to coverage, but not to structure: bytes are spoiled where lengths and types stand, whole MessagePack values
 * take each other's places, and texts are put together from the words of their language.
 */
import type { Rng } from "../../src/lib/rng.ts";
import type { InputForm } from "./target.ts";
import { valueSpans, type Span } from "./value-spans.ts";

const bytesMax = 64 * 1024;
const noiseBytesMax = 300;
const changesMax = 6;

/** Bytes at which encodings change their mind. */
const tellingBytes = [
  0, 1, 2, 0x1f, 0x20, 0x7f, 0x80, 0x81, 0x90, 0xa0, 0xc0, 0xc1, 0xc4, 0xcb, 0xcf, 0xd3, 0xd9, 0xdb, 0xdd,
  0xdf, 0xe0, 0xfe, 0xff,
];
const tellingNumbers = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  0x20_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];
/** Values of every kind, the strange ones first. */
const strangeValues = [
  "c0",
  "c2",
  "c3",
  "00",
  "7f",
  "ff",
  "e0",
  "80",
  "90",
  "a0",
  "c400",
  "cfffffffffffffffff",
  "d38000000000000000",
  "cb7ff8000000000000",
  "cb7ff0000000000000",
  "caff800000",
  "d1ffff",
  "ce80000000",
  "dc0000",
  "df00000000",
  "a95f5f70726f746f5f5f",
  "81a95f5f70726f746f5f5fc0",
  "91919191919191919190",
  "d6ff00000000",
  "c70cff000000000000000000000000",
  "a3c3bc00",
  "a2ff80",
  "93c0c0c0",
  "82a141c0a161c0",
].map((hex) => Uint8Array.from(Buffer.from(hex, "hex")));

/** An input for a target of this form. */
export function makeInput(
  rng: Rng,
  o: { readonly form: InputForm; readonly seeds: readonly Uint8Array[]; readonly words: readonly string[] },
): Uint8Array {
  const { seeds, words, form } = o;
  if (form === "text" && words.length > 0 && rng.chance(1, 3)) return sentence(rng, words);
  let input =
    seeds.length === 0 || rng.chance(1, 30) ? rng.bytes(rng.below(noiseBytesMax)) : pick(rng, seeds);
  if (rng.chance(1, 12)) return input.slice();
  for (let changes = rng.chance(3, 5) ? 1 : 1 + rng.below(changesMax); changes > 0; changes -= 1) {
    const isWhole = form === "msgpack" && rng.chance(3, 4);
    if (form === "text" && words.length > 0 && rng.chance(1, 2))
      input = insert(rng, input, new TextEncoder().encode(pick(rng, words)));
    else input = (isWhole ? spoilValue(rng, input) : undefined) ?? spoilBytes(rng, input, seeds);
    if (input.length > bytesMax) input = input.subarray(0, bytesMax);
  }
  return input.slice();
}

function pick<T>(rng: Rng, items: readonly T[]): T {
  return items[rng.below(items.length)] as T;
}

/** Words one after another, with and without spaces. */
function sentence(rng: Rng, words: readonly string[]): Uint8Array {
  let text = "";
  for (let count = 1 + rng.below(30); count > 0; count -= 1)
    text += pick(rng, words) + (rng.chance(1, 2) ? " " : "");
  return new TextEncoder().encode(text);
}

function splice(input: Uint8Array, { from, to }: Span, piece: Uint8Array): Uint8Array {
  const made = new Uint8Array(input.length - (to - from) + piece.length);
  made.set(input.subarray(0, from));
  made.set(piece, from);
  made.set(input.subarray(to), from + piece.length);
  return made;
}

function insert(rng: Rng, input: Uint8Array, piece: Uint8Array): Uint8Array {
  const at = rng.below(input.length + 1);
  return splice(input, { from: at, to: at }, piece);
}

function anySpan(rng: Rng, length: number): Span {
  const from = rng.below(length + 1);
  return { from, to: from + rng.below(Math.min(64, length - from) + 1) };
}

function spoilBytes(rng: Rng, input: Uint8Array, seeds: readonly Uint8Array[]): Uint8Array {
  const copy = input.slice();
  const at = rng.below(Math.max(1, input.length));
  switch (rng.below(9)) {
    case 0:
      if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << rng.below(8));
      return copy;
    case 1:
      if (copy.length > 0) copy[at] = pick(rng, tellingBytes);
      return copy;
    case 2:
      return insert(rng, input, rng.bytes(1 + rng.below(8)));
    case 3:
      return splice(input, anySpan(rng, input.length), new Uint8Array(0));
    case 4:
      return input.slice(0, rng.below(input.length + 1));
    case 5: {
      const { from, to } = anySpan(rng, input.length);
      return insert(rng, input, input.slice(from, to));
    }
    case 6:
      return overwrite(copy, at, rng);
    case 7: {
      const other = seeds.length === 0 ? input : pick(rng, seeds);
      const { from, to } = anySpan(rng, other.length);
      return splice(input, anySpan(rng, input.length), other.slice(from, to));
    }
    default: {
      // The beginning of one and the end of another.
      const other = seeds.length === 0 ? input : pick(rng, seeds);
      const from = rng.below(other.length + 1);
      return splice(input, { from: at, to: input.length }, other.slice(from));
    }
  }
}

function overwrite(copy: Uint8Array, at: number, rng: Rng): Uint8Array {
  const width = [1, 2, 4, 8][rng.below(4)] ?? 1;
  let number = pick(rng, tellingNumbers);
  for (let byte = width - 1; byte >= 0; byte -= 1) {
    if (at + byte < copy.length) copy[at + byte] = Number(number & 0xffn);
    number >>= 8n;
  }
  return copy;
}

/** Puts another value in the place of one; `undefined` if there is no value to be seen. */
function spoilValue(rng: Rng, input: Uint8Array): Uint8Array | undefined {
  const spans = valueSpans(input);
  if (spans.length === 0) return undefined;
  const span = pick(rng, spans);
  const other = pick(rng, spans);
  const piece = rng.chance(1, 3) ? input.slice(other.from, other.to) : pick(rng, strangeValues);
  if (rng.chance(1, 20)) return splice(input, span, nested(rng));
  return splice(input, span, piece);
}

/** Arrays in arrays, deeper than anything honest. */
function nested(rng: Rng): Uint8Array {
  return new Uint8Array(1 + rng.below(20_000)).fill(rng.chance(1, 2) ? 0x91 : 0x81);
}
