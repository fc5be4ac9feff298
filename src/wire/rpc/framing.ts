/**
 * Requests and responses on a stream: pairs of MessagePack values, a header and a body, without a length.
 *
 *     request   {Seq, ServiceMethod} argument          response   {Error, Seq, ServiceMethod} reply
 *
 * So the end of a pair is found by walking over its values. `PairReader` does that once, however the bytes
 * arrive, and never believes a length: it keeps what came, up to a limit.
 * Source: protocol reference, RPC section 3.
 */
import { DecodeError } from "../../lib/errors.ts";
import type { MsgpackReader } from "../msgpack/reader.ts";
import { MsgpackWriter } from "../msgpack/writer.ts";
import type { Infer } from "../schema/codec.ts";
import { str, uint } from "../schema/scalars.ts";
import { struct } from "../schema/struct.ts";
import type { RpcMethod } from "./method.ts";

/** What stands before an argument. */
export const RequestHeader = struct("RequestHeader", { Seq: uint, ServiceMethod: str });
export type RequestHeader = Infer<typeof RequestHeader>;

/** What stands before a reply. With an `Error` the reply is empty and means nothing. */
export const ResponseHeader = struct("ResponseHeader", { Error: str, Seq: uint, ServiceMethod: str });
export type ResponseHeader = Infer<typeof ResponseHeader>;

/** The reply beside an error: an empty map. */
const noReply = Uint8Array.of(0x80);
const wireText = (text: string): Uint8Array => {
  const writer = new MsgpackWriter();
  writer.text(text);
  return writer.take();
};
const errorKey = wireText("Error");
const seqKey = wireText("Seq");
const serviceMethodKey = wireText("ServiceMethod");

/** Writes a whole request. */
export function writeRequest<Q, R>(
  writer: MsgpackWriter,
  { seq, method, request }: { readonly seq: number; readonly method: RpcMethod<Q, R>; readonly request: Q },
): void {
  writer.mapHeader(2);
  writer.raw(seqKey);
  writer.int(seq);
  writer.raw(serviceMethodKey);
  writer.text(method.name);
  method.request.encode(writer, request);
}

/** Writes a whole response that carries a reply. */
export function writeReply<Q, R>(
  writer: MsgpackWriter,
  { seq, method, reply }: { readonly seq: number; readonly method: RpcMethod<Q, R>; readonly reply: R },
): void {
  writeResponseHeader(writer, { Error: "", Seq: seq, ServiceMethod: method.name });
  method.reply.encode(writer, reply);
}

/** Writes a whole response that carries an error's text, which is not empty. */
export function writeErrorReply(writer: MsgpackWriter, header: ResponseHeader): void {
  writeResponseHeader(writer, header);
  writer.raw(noReply);
}

function writeResponseHeader(writer: MsgpackWriter, header: ResponseHeader): void {
  writer.mapHeader(3);
  writer.raw(errorKey);
  writer.text(header.Error);
  writer.raw(seqKey);
  writer.int(header.Seq);
  writer.raw(serviceMethodKey);
  writer.text(header.ServiceMethod);
}

/** Reads a request's header; the argument is next. Throws `DecodeError`. */
export function readRequestHeader(reader: MsgpackReader): RequestHeader {
  return RequestHeader.decode(reader);
}

/** Reads a response's header; the reply is next. Throws `DecodeError`. */
export function readResponseHeader(reader: MsgpackReader): ResponseHeader {
  return ResponseHeader.decode(reader);
}

/** Bytes of the tags c0…df: those of the header, and whether the header's number counts bytes, items or pairs. */
type Tail = "none" | "bytes" | "items" | "pairs";
const longForms: readonly (readonly [headerBytes: number, tail: Tail])[] = [
  ...fixed(1, 4), // nil, unused, false, true
  [2, "bytes"], // bin8
  [3, "bytes"],
  [5, "bytes"],
  [2, "bytes"], // ext8…32, one byte of type more
  [3, "bytes"],
  [5, "bytes"],
  ...fixed(5, 1), // float32, float64
  ...fixed(9, 1),
  ...fixed(2, 1), // uint8…64
  ...fixed(3, 1),
  ...fixed(5, 1),
  ...fixed(9, 1),
  ...fixed(2, 1), // int8…64
  ...fixed(3, 1),
  ...fixed(5, 1),
  ...fixed(9, 1),
  ...fixed(3, 1), // fixext1…16
  ...fixed(4, 1),
  ...fixed(6, 1),
  ...fixed(10, 1),
  ...fixed(18, 1),
  [2, "bytes"], // str8…32
  [3, "bytes"],
  [5, "bytes"],
  [3, "items"],
  [5, "items"],
  [3, "pairs"],
  [5, "pairs"],
];

function fixed(byteCount: number, times: number): (readonly [number, Tail])[] {
  return Array.from({ length: times }, () => [byteCount, "none"] as const);
}

const extFirst = 0xc7;
const extLast = 0xc9;
const unusedTag = 0xc1;
/** A pair shares the buffer that it arrived in unless that is this much larger: values are kept for long. */
const sharedBufferFactor = 2;

/** Finds pairs, or other groups of values, in a stream of bytes. */
export class PairReader {
  readonly #pairBytesMax: number;
  readonly #valueCount: number;
  #bytes: Uint8Array = new Uint8Array(0);
  /** What is there: `#start` is the pair's first byte, `#end` is behind the last byte that came. */
  #start = 0;
  #end = 0;
  /** Where the walk stands; beyond `#end` when it is known that so much must come. */
  #at = 0;
  /** Values of the pair that the walk has not passed yet. */
  #valuesLeft: number;
  /** The buffer made here, whose tail is free; buffers that were pushed belong to others behind their end. */
  #grown: Uint8Array | undefined;

  /** A group is `valueCount` values in a row and at most `pairBytesMax` bytes. */
  constructor(pairBytesMax: number, valueCount = 2) {
    this.#pairBytesMax = pairBytesMax;
    this.#valueCount = valueCount;
    this.#valuesLeft = valueCount;
  }

  /** Bytes that belong to no complete pair taken so far. */
  get heldBytes(): number {
    return this.#end - this.#start;
  }

  /** Takes bytes, which must not change afterwards. */
  push(bytes: Uint8Array): void {
    if (this.#start === this.#end) {
      this.#at -= this.#start;
      this.#bytes = bytes;
      this.#start = 0;
      this.#end = bytes.length;
      return;
    }
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /**
   * The bytes of the next pair, or `undefined` when more must come. Throws `DecodeError` when the stream
   * makes no sense or a pair is too large; nothing can be read from it then.
   */
  take(): Uint8Array | undefined {
    this.#walk();
    if (this.#at - this.#start > this.#pairBytesMax) {
      throw new DecodeError(`rpc: a message is larger than ${this.#pairBytesMax} bytes`);
    }
    if (this.#valuesLeft > 0 || this.#at > this.#end) return undefined;
    const pair = this.#bytes.subarray(this.#start, this.#at);
    this.#start = this.#at;
    this.#valuesLeft = this.#valueCount;
    const isSparse = pair.buffer.byteLength > sharedBufferFactor * pair.length + 1024;
    return isSparse ? pair.slice() : pair;
  }

  /** What came behind the last pair, as it is; the reader starts afresh. */
  takeRest(): Uint8Array {
    const rest = this.#bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#at = this.#end;
    this.#valuesLeft = this.#valueCount;
    return rest;
  }

  #room(byteCount: number): void {
    const held = this.heldBytes;
    // Bytes that were handed out may share this buffer, so what is in front is never overwritten.
    if (this.#bytes === this.#grown && this.#end + byteCount <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(1024, (held + byteCount) * 2));
    grown.set(this.#bytes.subarray(this.#start, this.#end));
    this.#at -= this.#start;
    this.#bytes = grown;
    this.#start = 0;
    this.#end = held;
    this.#grown = grown;
  }

  #walk(): void {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at;
    let left = this.#valuesLeft;
    while (left > 0 && at < end) {
      const tag = bytes[at] as number;
      if (tag <= 0x7f || tag >= 0xe0) at += 1;
      else if (tag <= 0x8f) {
        left += (tag & 0x0f) * 2;
        at += 1;
      } else if (tag <= 0x9f) {
        left += tag & 0x0f;
        at += 1;
      } else if (tag <= 0xbf) at += 1 + (tag & 0x1f);
      else {
        const [headerBytes, tail] = longForms[tag - 0xc0] as readonly [number, Tail];
        if (tag === unusedTag) throw new DecodeError("msgpack: byte c1 starts no value");
        if (tail !== "none") {
          if (at + headerBytes > end) break;
          const count = bigEndian(bytes, at + 1, headerBytes - 1);
          if (tail === "items") left += count;
          else if (tail === "pairs") left += count * 2;
          else at += tag >= extFirst && tag <= extLast ? count + 1 : count;
        }
        at += headerBytes;
      }
      left -= 1;
    }
    this.#at = at;
    this.#valuesLeft = left;
  }
}

function bigEndian(bytes: Uint8Array, at: number, byteCount: number): number {
  let value = 0;
  for (let i = 0; i < byteCount; i += 1) value = value * 256 + (bytes[at + i] as number);
  return value;
}
