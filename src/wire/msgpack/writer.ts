/**
 * Writes MessagePack as HashiCorp's codec does: text and bytes share the old raw forms, integers take
 * the smallest form, floats are always 8 bytes, and no bin, ext or str8 is ever emitted.
 * Source: go-msgpack 0.5.5's encoder, WriteExt off.
 *
 * One growing buffer; `take()` hands out a copy-free view and starts a new buffer.
 */
import type { ByteString } from "../../lib/byte-string.ts";

const utf8 = new TextEncoder();
/** Below this many UTF-16 units a byte loop beats the text encoder. */
const shortTextUnits = 40;
/** Up to this many bytes a loop beats the call of `set`: the names of fields. */
const shortRawBytes = 24;

export class MsgpackWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at;
  }

  /** The bytes written, as a view nobody will overwrite; the writer starts afresh. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#at);
    this.#bytes = this.#bytes.subarray(this.#at);
    if (this.#bytes.length < 64) this.#bytes = new Uint8Array(Math.max(1024, taken.length));
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    this.#at = 0;
    return taken;
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count, 256));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
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
        this.#view.setUint32(this.#at, value % 0x1_0000_0000);
        this.#at += 4;
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
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
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
    this.#view.setUint16(this.#at + 1, value);
    this.#at += 3;
  }

  #u32(tag: number, value: number): void {
    this.#bytes[this.#at] = tag;
    this.#view.setUint32(this.#at + 1, value);
    this.#at += 5;
  }

  #big(tag: number, value: bigint): void {
    this.#room(9);
    this.#bytes[this.#at] = tag;
    this.#view.setBigUint64(this.#at + 1, BigInt.asUintN(64, value));
    this.#at += 9;
  }
}
