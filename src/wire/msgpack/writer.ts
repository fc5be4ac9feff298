/**
 * Writes MessagePack as HashiCorp's codec does: text and bytes share the old raw forms, integers take
 * the smallest form, floats are always 8 bytes, and no bin, ext or str8 is ever emitted.
 * Source: go-msgpack 0.5.5's encoder, WriteExt off.
 *
 * One growing buffer, of which `take()` hands out a copy if it is small, and a view otherwise: a view of a small array
 * makes the runtime keep a buffer object beside it, larger than what most messages are.
 */
import type { ByteString } from "../../lib/byte-string.ts";

const utf8 = new TextEncoder();
/** Below this many UTF-16 units a byte loop beats the text encoder. */
const shortTextUnits = 40;
/** Up to this many bytes a loop beats the call of `set`: the names of fields. */
const shortRawBytes = 24;
/** Up to this many bytes are copied when they are taken. */
const copiedBytesMax = 1_000;
/** Eight bytes to take numbers apart. */
const scratch = new DataView(new ArrayBuffer(8));

export class MsgpackWriter {
  #bytes: Uint8Array;
  #at = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at;
  }

  /** The bytes written, which nobody will overwrite; the writer starts afresh. */
  take(): Uint8Array {
    if (this.#at <= copiedBytesMax) {
      const copy = this.#bytes.slice(0, this.#at);
      this.#at = 0;
      return copy;
    }
    const taken = this.#bytes.subarray(0, this.#at);
    this.#bytes = this.#bytes.subarray(this.#at);
    if (this.#bytes.length < 64) this.#bytes = new Uint8Array(Math.max(1024, taken.length));
    this.#at = 0;
    return taken;
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count, 256));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }

  /** Appends bytes that are MessagePack already, or a type byte. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#room(length);
    if (length > shortRawBytes) this.#bytes.set(bytes, this.#at);
    else for (let i = 0; i < length; i += 1) this.#bytes[this.#at + i] = bytes[i] as number;
    this.#at += length;
  }

  /** Appends one byte as it is. */
  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  nil(): void {
    this.byte(0xc0);
  }

  bool(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2);
  }

  /** A safe integer, signed or not, in its smallest form. */
  int(value: number): void {
    this.#room(9);
    if (value >= 0) {
      if (value <= 0x7f) this.#bytes[this.#at++] = value;
      else if (value <= 0xff) this.#u8(0xcc, value);
      else if (value <= 0xffff) this.#u16(0xcd, value);
      else if (value <= 0xffff_ffff) this.#u32(0xce, value);
      else {
        this.#u32(0xcf, Math.floor(value / 0x1_0000_0000));
        this.#put32(value % 0x1_0000_0000);
      }
    } else if (value >= -32) this.#bytes[this.#at++] = value & 0xff;
    else if (value >= -0x80) this.#u8(0xd0, value & 0xff);
    else if (value >= -0x8000) this.#u16(0xd1, value & 0xffff);
    else if (value >= -0x8000_0000) this.#u32(0xd2, value >>> 0);
    else this.#big(0xd3, BigInt(value));
  }

  /** A 64-bit integer, signed or not, in its smallest form. */
  bigint(value: bigint): void {
    if (value >= -0x8000_0000n && value <= 0xffff_ffffn) this.int(Number(value));
    else if (value >= 0n) this.#big(0xcf, value);
    else this.#big(0xd3, value);
  }

  float64(value: number): void {
    this.#room(9);
    this.#bytes[this.#at++] = 0xcb;
    scratch.setFloat64(0, value);
    this.#putScratch();
  }

  /** Text as UTF-8 in the raw form. */
  text(value: string): void {
    if (value.length <= shortTextUnits && this.#shortAscii(value)) return;
    const bytes = utf8.encode(value);
    this.#rawHeader(bytes.length);
    this.raw(bytes);
  }

  /** A byte string in the raw form. */
  byteText(value: ByteString): void {
    this.#rawHeader(value.length);
    this.#room(value.length);
    for (let i = 0; i < value.length; i += 1) this.#bytes[this.#at + i] = value.charCodeAt(i);
    this.#at += value.length;
  }

  /** Bytes in the raw form. */
  bytes(value: Uint8Array): void {
    this.#rawHeader(value.length);
    this.raw(value);
  }

  arrayHeader(count: number): void {
    this.#room(5);
    if (count <= 15) this.#bytes[this.#at++] = 0x90 | count;
    else if (count <= 0xffff) this.#u16(0xdc, count);
    else this.#u32(0xdd, count);
  }

  mapHeader(count: number): void {
    this.#room(5);
    if (count <= 15) this.#bytes[this.#at++] = 0x80 | count;
    else if (count <= 0xffff) this.#u16(0xde, count);
    else this.#u32(0xdf, count);
  }

  /** Writes `value` if it is ASCII; otherwise writes nothing and says so. */
  #shortAscii(value: string): boolean {
    const units = value.length;
    this.#room(units + 3);
    const start = this.#at;
    this.#rawHeader(units);
    for (let i = 0; i < units; i += 1) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) {
        this.#at = start;
        return false;
      }
      this.#bytes[this.#at++] = unit;
    }
    return true;
  }

  #rawHeader(count: number): void {
    this.#room(5);
    if (count <= 31) this.#bytes[this.#at++] = 0xa0 | count;
    else if (count <= 0xffff) this.#u16(0xda, count);
    else this.#u32(0xdb, count);
  }

  #u8(tag: number, value: number): void {
    this.#bytes[this.#at] = tag;
    this.#bytes[this.#at + 1] = value;
    this.#at += 2;
  }

  #u16(tag: number, value: number): void {
    this.#bytes[this.#at] = tag;
    this.#bytes[this.#at + 1] = value >>> 8;
    this.#bytes[this.#at + 2] = value;
    this.#at += 3;
  }

  #u32(tag: number, value: number): void {
    this.#bytes[this.#at++] = tag;
    this.#put32(value);
  }

  #put32(value: number): void {
    this.#bytes[this.#at] = value >>> 24;
    this.#bytes[this.#at + 1] = value >>> 16;
    this.#bytes[this.#at + 2] = value >>> 8;
    this.#bytes[this.#at + 3] = value;
    this.#at += 4;
  }

  #big(tag: number, value: bigint): void {
    this.#room(9);
    this.#bytes[this.#at++] = tag;
    scratch.setBigUint64(0, BigInt.asUintN(64, value));
    this.#putScratch();
  }

  #putScratch(): void {
    for (let i = 0; i < 8; i += 1) this.#bytes[this.#at + i] = scratch.getUint8(i);
    this.#at += 8;
  }
}
