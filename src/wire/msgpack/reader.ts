/**
 * Reads MessagePack as HashiCorp's codec accepts it, from hostile input: every length is checked
 * against what is left, nesting is bounded, and any failure is a `DecodeError`.
 *
 * The reader is a cursor over one buffer. Views handed out by `bytes()` alias that buffer.
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
  readonly #view: DataView;
  #at: number;
  #depth = 0;

  constructor(bytes: Uint8Array, start = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
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
        return this.#view.getUint8(this.#need(1));
      case 0xcd:
        return this.#view.getUint16(this.#need(2));
      case 0xce:
        return this.#view.getUint32(this.#need(4));
      case 0xcf:
      case 0xd3: {
        const at = this.#need(8);
        const high = tag === 0xcf ? this.#view.getUint32(at) : this.#view.getInt32(at);
        const value = high * 0x1_0000_0000 + this.#view.getUint32(at + 4);
        if (!Number.isSafeInteger(value)) throw new DecodeError("msgpack: integer over 53 bits");
        return value;
      }
      case 0xd0:
        return this.#view.getInt8(this.#need(1));
      case 0xd1:
        return this.#view.getInt16(this.#need(2));
      case 0xd2:
        return this.#view.getInt32(this.#need(4));
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
      const at = this.#need(8);
      return tag === 0xcf ? this.#view.getBigUint64(at) : this.#view.getBigInt64(at);
    }
    return BigInt(this.int());
  }

  /** A float in either width, or any integer form. */
  float(): number {
    const tag = this.#bytes[this.#at];
    if (tag === 0xcb) {
      this.#need(1);
      return this.#view.getFloat64(this.#need(8));
    }
    if (tag === 0xca) {
      this.#need(1);
      return this.#view.getFloat32(this.#need(4));
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
    if (tag === 0xdc) return this.#count(this.#view.getUint16(this.#need(2)), 1);
    if (tag === 0xdd) return this.#count(this.#view.getUint32(this.#need(4)), 1);
    if (tag === 0xc0) return null;
    throw this.#unexpected(tag, "an array");
  }

  /** Pair count of a map; nil is `null`. */
  mapHeader(): number | null {
    const tag = this.#bytes[this.#need(1)] as number;
    if (tag >= 0x80 && tag <= 0x8f) return this.#count(tag & 0x0f, 2);
    if (tag === 0xde) return this.#count(this.#view.getUint16(this.#need(2)), 2);
    if (tag === 0xdf) return this.#count(this.#view.getUint32(this.#need(4)), 2);
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
    else if (tag === 0xc7) this.#need(1 + this.#view.getUint8(this.#need(1)));
    else if (tag === 0xc8) this.#need(1 + this.#view.getUint16(this.#need(2)));
    else this.#need(1 + this.#view.getUint32(this.#need(4)));
  }

  #textLength(): number {
    const tag = this.#bytes[this.#need(1)] as number;
    if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
    if (tag === 0xd9) return this.#view.getUint8(this.#need(1));
    if (tag === 0xda) return this.#view.getUint16(this.#need(2));
    if (tag === 0xdb) return this.#view.getUint32(this.#need(4));
    if (tag === 0xc0) return 0;
    throw this.#unexpected(tag, "a string");
  }

  #bytesLength(tag: number): number {
    if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
    switch (tag) {
      case 0xd9:
      case 0xc4:
        return this.#view.getUint8(this.#need(1));
      case 0xda:
      case 0xc5:
        return this.#view.getUint16(this.#need(2));
      case 0xdb:
      case 0xc6:
        return this.#view.getUint32(this.#need(4));
      default:
        throw this.#unexpected(tag, "bytes");
    }
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
