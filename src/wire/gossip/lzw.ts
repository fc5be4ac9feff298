/**
 * LZW as memberlist compresses with it: codes packed least significant bit first, 8-bit literals, widths of 9 to 12
 * bits (the flavour of GIF, not of TIFF).
 *
 * 0…255 are literals, 256 clears the table, 257 ends the data; entries count from 258. The encoder makes the bytes that
 * Go's encoder makes; the decoder reads what Go's decoder reads, within a limit of output.
 * Source: protocol reference, gossip-memberlist section 2 (compress).
 */
import { DecodeError } from "../../lib/errors.ts";

const clearCode = 256;
const endCode = 257;
const widthMin = 9;
const widthMax = 12;
const codeLimit = 1 << widthMax;
/** Slots of the encoder's hash table: four per code, so that probes stay short. */
const slotCount = codeLimit * 4;

/** Entries of older tables are told by their generation, so that a table is cleared without touching its slots. */
const generationMax = 2047;
const generationShift = 20;

/**
 * Compresses; one is kept and used again, since its table is larger than most packets. Calls do not affect each
 * other.
 */
export class LzwEncoder {
  /** Generation and pair (code before, byte) of each slot; the pair takes 20 bits. */
  readonly #keys = new Int32Array(slotCount);
  readonly #codes = new Uint16Array(slotCount);
  #generation = 0;
  #out = new Uint8Array(16);
  #length = 0;
  #bits = 0;
  #bitCount = 0;
  #width = widthMin;
  #highest = endCode;

  /** The compressed bytes, in a buffer of their own. */
  encode(input: Uint8Array): Uint8Array {
    // Codes take 12 bits at most, and there are at most as many as bytes, but for clear codes and the ends.
    this.#out = new Uint8Array(16 + Math.ceil(input.length * 1.51));
    this.#length = 0;
    this.#bits = 0;
    this.#bitCount = 0;
    this.#clear();
    this.#write(clearCode);
    if (input.length > 0) this.#compress(input);
    this.#write(endCode);
    if (this.#bitCount > 0) this.#out[this.#length++] = this.#bits;
    return this.#out.subarray(0, this.#length);
  }

  #compress(input: Uint8Array): void {
    const keys = this.#keys;
    const codes = this.#codes;
    let mark = this.#generation << generationShift;
    let saved = input[0] as number;
    for (let at = 1; at < input.length; at += 1) {
      const byte = input[at] as number;
      const key = mark | (saved << 8) | byte;
      let slot = (Math.imul(key, 0x9e37_79b1) >>> 18) & (slotCount - 1);
      // The table never fills: it holds at most a quarter of its slots.
      while (keys[slot] !== key && (keys[slot] as number) >>> generationShift === this.#generation) {
        slot = (slot + 1) & (slotCount - 1);
      }
      if (keys[slot] === key) {
        saved = codes[slot] as number;
        continue;
      }
      this.#write(saved);
      if (this.#advance()) {
        keys[slot] = key;
        codes[slot] = this.#highest;
      } else mark = this.#generation << generationShift;
      saved = byte;
    }
    this.#write(saved);
    this.#advance();
  }

  /** Makes room for one more code; `false` if the table was full and so was cleared. */
  #advance(): boolean {
    this.#highest += 1;
    if (this.#highest === 1 << this.#width) this.#width += 1;
    if (this.#highest < codeLimit - 1) return true;
    this.#write(clearCode);
    this.#clear();
    return false;
  }

  #clear(): void {
    this.#width = widthMin;
    this.#highest = endCode;
    this.#generation += 1;
    if (this.#generation <= generationMax) return;
    this.#keys.fill(0);
    this.#generation = 1;
  }

  /** Appends a code; the first code of a byte has its lowest bits. */
  #write(code: number): void {
    this.#bits |= code << this.#bitCount;
    this.#bitCount += this.#width;
    while (this.#bitCount >= 8) {
      this.#out[this.#length++] = this.#bits;
      this.#bits >>>= 8;
      this.#bitCount -= 8;
    }
  }
}

/** Takes codes out of bytes, first code from the lowest bits. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #bits = 0;
  #bitCount = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(width: number): number {
    while (this.#bitCount < width) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new DecodeError("lzw: the input ends before its end code");
      this.#bits |= byte << this.#bitCount;
      this.#bitCount += 8;
    }
    const code = this.#bits & ((1 << width) - 1);
    this.#bits >>>= width;
    this.#bitCount -= width;
    return code;
  }
}

/** Output that grows up to a limit. */
class BoundedOutput {
  readonly #bytesMax: number;
  #bytes: Uint8Array;
  #length = 0;

  constructor(expected: number, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#bytes = new Uint8Array(Math.max(1, Math.min(expected, bytesMax)));
  }

  /** Makes room for `count` more bytes and returns where they start. */
  room(count: number): number {
    const start = this.#length;
    const end = start + count;
    if (end > this.#bytesMax) throw new DecodeError(`lzw: more than ${this.#bytesMax} bytes of output`);
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(end, this.#bytes.length * 2)));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length = end;
    return start;
  }

  set(at: number, byte: number): void {
    this.#bytes[at] = byte;
  }

  get(at: number): number {
    return this.#bytes[at] ?? 0;
  }

  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/**
 * The bytes that `input` compresses, at most `bytesMax`. What follows the end code is ignored, as Go does.
 *
 * Every entry of the table repeats a stretch of what was put out already, so it is kept as (start, length) of that
 * stretch. Throws `DecodeError`.
 */
export function lzwDecode(input: Uint8Array, bytesMax: number): Uint8Array {
  const reader = new BitReader(input);
  const output = new BoundedOutput(input.length * 3, bytesMax);
  const starts = new Uint32Array(codeLimit);
  const lengths = new Uint32Array(codeLimit);
  let width = widthMin;
  let highest = endCode;
  /** Length of what the code before put out, right before the end of the output; 0: no code before. */
  let lastLength = 0;
  for (;;) {
    const code = reader.read(width);
    if (code === endCode) return output.take();
    if (code === clearCode) {
      width = widthMin;
      highest = endCode;
      lastLength = 0;
      continue;
    }
    if (code > highest) throw new DecodeError(`lzw: code ${code} where the table ends at ${highest}`);
    // The entry that this code completes is the last output and one more byte: the first of this output.
    const isOwn = code === highest && lastLength > 0;
    const length = code < clearCode ? 1 : isOwn ? lastLength + 1 : (lengths[code] ?? 0);
    const start = output.room(length);
    if (code < clearCode) output.set(start, code);
    else {
      const from = isOwn ? start - lastLength : (starts[code] ?? 0);
      for (let i = 0; i < length; i += 1) output.set(start + i, output.get(from + i));
    }
    if (lastLength > 0) {
      starts[highest] = start - lastLength;
      lengths[highest] = lastLength + 1;
    }
    lastLength = length;
    highest += 1;
    if (highest < 1 << width) continue;
    if (width < widthMax) width += 1;
    else {
      // The table is full: nothing is added until a clear code comes.
      highest -= 1;
      lastLength = 0;
    }
  }
}
