/**
 * Reads MessagePack as HashiCorp's codec accepts it, from hostile input: every length is checked
 * against what is left, nesting is bounded, and any failure is a `DecodeError`.
 *
 * The reader is a cursor over one buffer. Views handed out by `bytes()` alias that buffer. Numbers are put together
 * from bytes: a `DataView` for each message would cost as much as all else in a small one.
 * Source: go-msgpack 0.5.5's decoder; which target accepts which form is its table, not the spec's.
 */
import { byteString, type ByteString } from "../../lib/byte-string.ts";
import { DecodeError } from "../../lib/errors.ts";

/** Deepest nesting that any decoder here follows; peers nest four or five deep. */
export const nestingMax = 64;

const utf8 = new TextDecoder("utf-8");
const shortTextBytes = 24;

/** What the next value is, by its first byte. */
export type MsgpackKind = "nil" | "bool" | "int" | "float" | "raw" | "bin" | "array" | "map" | "ext";

export class MsgpackReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #depth = 0;

  constructor(bytes: Uint8Array, start = 0) {
    this.#bytes = bytes;
    this.#at = start;
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Fails unless everything was consumed. */
  expectEnd(): void {
    if (!this.atEnd) throw new DecodeError(`msgpack: ${this.#bytes.length - this.#at} bytes after the value`);
  }

  /** The next byte as it is, for framing that is not MessagePack (a command's type byte). */
  byte(): number {
    return this.#bytes[this.#need(1)] as number;
  }

  /** Kind of the next value, which stays unread. */
  peek(): MsgpackKind {
    const tag = this.#bytes[this.#at];
    if (tag === undefined) throw new DecodeError("msgpack: the input ends where a value was expected");
    if (tag <= 0x7f || tag >= 0xe0) return "int";
    if (tag <= 0x8f) return "map";
    if (tag <= 0x9f) return "array";
    if (tag <= 0xbf) return "raw";
    const kind = kindOfTag[tag - 0xc0];
    if (kind === undefined) throw new DecodeError("msgpack: byte c1 starts no value");
    return kind;
  }

  /** Consumes a nil if that is next. */
  takeNil(): boolean {
    if (this.#bytes[this.#at] !== 0xc0) return false;
    this.#at += 1;
    return true;
  }

  /** A boolean; 0 and 1 count, nil is false. */
  bool(): boolean {
    const tag = this.#bytes[this.#need(1)] as number;
    if (tag === 0xc3 || tag === 1) return true;
    if (tag === 0xc2 || tag === 0 || tag === 0xc0) return false;
    throw this.#unexpected(tag, "a boolean");
  }

  /** An integer that fits in 53 bits; nil is 0. */
  int(): number {
    const tag = this.#bytes[this.#need(1)] as number;
    if (tag <= 0x7f) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0:
        return 0;
      case 0xcc:
        return this.#uint8();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf:
      case 0xd3: {
        const high = tag === 0xcf ? this.#uint32() : this.#uint32() | 0;
        const value = high * 0x1_0000_0000 + this.#uint32();
        if (!Number.isSafeInteger(value)) throw new DecodeError("msgpack: integer over 53 bits");
        return value;
      }
      case 0xd0:
        return (this.#uint8() << 24) >> 24;
      case 0xd1:
        return (this.#uint16() << 16) >> 16;
      case 0xd2:
        return this.#uint32() | 0;
      default:
        throw this.#unexpected(tag, "an integer");
    }
  }

  /** A non-negative integer that fits in 53 bits. */
  uint(): number {
    const value = this.int();
    if (value < 0) throw new DecodeError("msgpack: negative value for an unsigned field");
    return value;
  }

  /** A 64-bit integer; nil is 0. */
  bigint(): bigint {
    const tag = this.#bytes[this.#at];
    if (tag === 0xcf || tag === 0xd3) {
      this.#need(1);
      const high = BigInt(tag === 0xcf ? this.#uint32() : this.#uint32() | 0);
      return (high << 32n) | BigInt(this.#uint32());
    }
    return BigInt(this.int());
  }

  /** A float in either width, or any integer form. */
  float(): number {
    const tag = this.#bytes[this.#at];
    if (tag === 0xcb) {
      this.#need(1);
      return this.#floatBytes(8).getFloat64(0);
    }
    if (tag === 0xca) {
      this.#need(1);
      return this.#floatBytes(4).getFloat32(0);
    }
    return Number(this.bigint());
  }

  /** Text; nil is "". Refuses bin forms, as every peer does. */
  text(): string {
    const length = this.#textLength();
    const start = this.#need(length);
    if (length <= shortTextBytes) {
      let text = "";
      for (let i = start; i < start + length; i += 1) {
        const unit = this.#bytes[i] as number;
        if (unit > 0x7f) return utf8.decode(this.#bytes.subarray(start, start + length));
        text += String.fromCharCode(unit);
      }
      return text;
    }
    return utf8.decode(this.#bytes.subarray(start, start + length));
  }

  /** The bytes of a text as a byte string; nil is "". */
  byteText(): ByteString {
    const length = this.#textLength();
    const start = this.#need(length);
    return byteString(this.#bytes.subarray(start, start + length));
  }

  /** Bytes in any raw or bin form, as a view of the input; nil is `null`. */
  bytes(): Uint8Array | null {
    const tag = this.#bytes[this.#need(1)] as number;
    if (tag === 0xc0) return null;
    const length = this.#bytesLength(tag);
    const start = this.#need(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Element count of an array; nil is `null`. */
  arrayHeader(): number | null {
    const tag = this.#bytes[this.#need(1)] as number;
    if (tag >= 0x90 && tag <= 0x9f) return this.#count(tag & 0x0f, 1);
    if (tag === 0xdc) return this.#count(this.#uint16(), 1);
    if (tag === 0xdd) return this.#count(this.#uint32(), 1);
    if (tag === 0xc0) return null;
    throw this.#unexpected(tag, "an array");
  }

  /** Pair count of a map; nil is `null`. */
  mapHeader(): number | null {
    const tag = this.#bytes[this.#need(1)] as number;
    if (tag >= 0x80 && tag <= 0x8f) return this.#count(tag & 0x0f, 2);
    if (tag === 0xde) return this.#count(this.#uint16(), 2);
    if (tag === 0xdf) return this.#count(this.#uint32(), 2);
    if (tag === 0xc0) return null;
    throw this.#unexpected(tag, "a map");
  }

  /** Runs `read` one level deeper; fails when input nests beyond `nestingMax`. */
  nested<T>(read: () => T): T {
    if (this.#depth >= nestingMax) throw new DecodeError(`msgpack: nested more than ${nestingMax} deep`);
    this.#depth += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  /** Consumes one value of any kind. */
  skip(): void {
    switch (this.peek()) {
      case "nil":
      case "bool":
        this.#need(1);
        return;
      case "int":
        this.bigint();
        return;
      case "float":
        this.float();
        return;
      case "raw":
      case "bin":
        this.bytes();
        return;
      case "array":
        this.#skipMany(this.arrayHeader() ?? 0);
        return;
      case "map":
        this.#skipMany((this.mapHeader() ?? 0) * 2);
        return;
      case "ext":
        this.#skipExt();
        return;
    }
  }

  /** The bytes of the next value, whatever it is, as a view of the input. */
  unread(): Uint8Array {
    const start = this.#at;
    this.skip();
    return this.#bytes.subarray(start, this.#at);
  }

  /** If the bytes ahead are exactly `expected`, consumes them. For field names in their usual order. */
  takeExact(expected: Uint8Array): boolean {
    const end = this.#at + expected.length;
    if (end > this.#bytes.length) return false;
    for (let i = 0; i < expected.length; i += 1) {
      if (this.#bytes[this.#at + i] !== expected[i]) return false;
    }
    this.#at = end;
    return true;
  }

  #skipMany(count: number): void {
    this.nested(() => {
      for (let i = 0; i < count; i += 1) this.skip();
    });
  }

  #skipExt(): void {
    const tag = this.#bytes[this.#need(1)] as number;
    if (tag >= 0xd4 && tag <= 0xd8) this.#need(1 + (1 << (tag - 0xd4)));
    else if (tag === 0xc7) this.#need(1 + this.#uint8());
    else if (tag === 0xc8) this.#need(1 + this.#uint16());
    else this.#need(1 + this.#uint32());
  }

  #textLength(): number {
    const tag = this.#bytes[this.#need(1)] as number;
    if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
    if (tag === 0xd9) return this.#uint8();
    if (tag === 0xda) return this.#uint16();
    if (tag === 0xdb) return this.#uint32();
    if (tag === 0xc0) return 0;
    throw this.#unexpected(tag, "a string");
  }

  #bytesLength(tag: number): number {
    if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
    switch (tag) {
      case 0xd9:
      case 0xc4:
        return this.#uint8();
      case 0xda:
      case 0xc5:
        return this.#uint16();
      case 0xdb:
      case 0xc6:
        return this.#uint32();
      default:
        throw this.#unexpected(tag, "bytes");
    }
  }

  #uint8(): number {
    return this.#bytes[this.#need(1)] as number;
  }

  #uint16(): number {
    const at = this.#need(2);
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  #uint32(): number {
    const at = this.#need(4);
    const high = ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
    const low = ((this.#bytes[at + 2] as number) << 8) | (this.#bytes[at + 3] as number);
    return high * 0x1_0000 + low;
  }

  #floatBytes(count: number): DataView {
    const at = this.#need(count);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, count);
  }

  /** Advances by `count` and returns where those bytes start. */
  #need(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.length - start) throw new DecodeError("msgpack: the input ends inside a value");
    this.#at = start + count;
    return start;
  }

  /** A collection cannot hold more elements than bytes are left, so a lying count fails at once. */
  #count(count: number, bytesEach: number): number {
    if (count * bytesEach > this.#bytes.length - this.#at) {
      throw new DecodeError("msgpack: a collection claims more elements than the input can hold");
    }
    return count;
  }

  #unexpected(tag: number, wanted: string): DecodeError {
    return new DecodeError(`msgpack: byte ${tag.toString(16)} where ${wanted} was expected`);
  }
}

/** Kinds of the tags c0…df; c1 is unused. */
const kindOfTag: readonly (MsgpackKind | undefined)[] = [
  "nil",
  undefined,
  "bool",
  "bool",
  "bin",
  "bin",
  "bin",
  "ext",
  "ext",
  "ext",
  "float",
  "float",
  "int",
  "int",
  "int",
  "int",
  "int",
  "int",
  "int",
  "int",
  "ext",
  "ext",
  "ext",
  "ext",
  "ext",
  "raw",
  "raw",
  "raw",
  "array",
  "array",
  "map",
  "map",
];
