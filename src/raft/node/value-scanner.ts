/**
 * Finds the end of MessagePack values that arrive in pieces, looking at each byte of structure once.
 *
 * It counts values that are still to come instead of descending, so that no nesting is too deep and a map
 * that claims too much only waits for bytes that the caller limits.
 */
import { DecodeError } from "../../lib/errors.ts";

export class ValueScanner {
  #at = 0;
  #pending = 0;

  /** Begins at offset `from` of a new message and looks for `values` values. */
  start(from: number, values: number): void {
    this.#at = from;
    this.#pending = values;
  }

  /** Offset behind the last value; undefined if `bytes`, the message so far, ends before it. Throws `DecodeError`. */
  scan(bytes: Uint8Array): number | undefined {
    while (this.#pending > 0) {
      const tag = bytes[this.#at];
      if (tag === undefined) return undefined;
      const lengthBytes = lengthBytesOf(tag);
      if (this.#at + 1 + lengthBytes > bytes.length) return undefined;
      const length = bigEndian(bytes, this.#at + 1, lengthBytes);
      this.#at += 1 + lengthBytes + contentBytesOf(tag, length);
      this.#pending += membersOf(tag, length) - 1;
    }
    return this.#at <= bytes.length ? this.#at : undefined;
  }
}

/** Width of the length that follows the tag. */
function lengthBytesOf(tag: number): number {
  switch (tag) {
    case 0xc1:
      throw new DecodeError("msgpack: byte c1 starts no value");
    case 0xc4:
    case 0xc7:
    case 0xd9:
      return 1;
    case 0xc5:
    case 0xc8:
    case 0xda:
    case 0xdc:
    case 0xde:
      return 2;
    case 0xc6:
    case 0xc9:
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return 4;
    default:
      return 0;
  }
}

/** Bytes behind tag and length that are no values of their own. */
function contentBytesOf(tag: number, length: number): number {
  if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
  if (tag < 0xc4 || tag >= 0xe0) return 0;
  if (tag <= 0xc6) return length;
  if (tag <= 0xc9) return length + 1;
  if (tag === 0xca) return 4;
  if (tag === 0xcb) return 8;
  if (tag <= 0xd3) return 1 << (tag & 3);
  if (tag <= 0xd8) return 1 + (1 << (tag - 0xd4));
  return tag <= 0xdb ? length : 0;
}

/** Values inside an array or map. */
function membersOf(tag: number, length: number): number {
  if (tag >= 0x80 && tag <= 0x8f) return (tag & 0x0f) * 2;
  if (tag >= 0x90 && tag <= 0x9f) return tag & 0x0f;
  if (tag === 0xdc || tag === 0xdd) return length;
  if (tag === 0xde || tag === 0xdf) return length * 2;
  return 0;
}

function bigEndian(bytes: Uint8Array, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at += 1) value = value * 256 + (bytes[at] ?? 0);
  return value;
}
