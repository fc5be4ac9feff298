/**
 * The wrappers around messages: compound, compress and CRC.
 *
 * Source: protocol reference, gossip-memberlist section 2.
 */
import { assert } from "../../lib/assert.ts";
import { DecodeError } from "../../lib/errors.ts";
import { MsgpackReader } from "../msgpack/reader.ts";
import { MsgpackWriter } from "../msgpack/writer.ts";
import { CompressBody } from "./bodies.ts";
import { crc32 } from "../../lib/crc32.ts";
import { lzwDecode, type LzwEncoder } from "./lzw.ts";
import { messageType } from "./message-type.ts";

/** Parts of one compound message: the arithmetic of peers up to memberlist 0.2.3 breaks at 128. */
export const compoundPartsMax = 127;

const lzwAlgorithm = 0;
const crcHeaderBytes = 5;

/** `07 count:u8 length:u16be… part…`; one to 127 parts of at most 65,535 bytes. */
export function encodeCompound(parts: readonly Uint8Array[]): Uint8Array {
  assert(parts.length <= compoundPartsMax, "a compound message has at most 127 parts");
  const total = parts.reduce((sum, part) => sum + part.length + 2, 2);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  bytes[0] = messageType.compound;
  bytes[1] = parts.length;
  let at = 2 + parts.length * 2;
  for (const [index, part] of parts.entries()) {
    assert(part.length <= 0xffff, "a part of a compound message fits its length field");
    view.setUint16(2 + index * 2, part.length);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Whole parts as views of the input, and how many were cut off. Throws `DecodeError` if the lengths are cut off. */
export function decodeCompound(bytes: Uint8Array): {
  readonly parts: readonly Uint8Array[];
  readonly truncated: number;
} {
  const count = bytes[1];
  if (count === undefined) throw new DecodeError("missing compound length byte");
  let at = 2 + count * 2;
  if (bytes.length < at) throw new DecodeError("truncated len slice");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts: Uint8Array[] = [];
  for (let index = 0; index < count; index += 1) {
    const end = at + view.getUint16(2 + index * 2);
    if (end > bytes.length) break;
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return { parts, truncated: count - parts.length };
}

/** `09 {Algo, Buf}`, which may be longer than what it holds. */
export function encodeCompressed(lzw: LzwEncoder, bytes: Uint8Array): Uint8Array {
  const Buf = lzw.encode(bytes);
  const writer = new MsgpackWriter(Buf.length + 24);
  writer.byte(messageType.compress);
  CompressBody.encode(writer, { Algo: lzwAlgorithm, Buf });
  return writer.take();
}

/** What a compressed message (with its type byte) holds, at most `bytesMax` bytes. Throws `DecodeError`. */
export function decodeCompressed(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const { Algo, Buf } = CompressBody.decode(new MsgpackReader(bytes, 1));
  if (Algo !== lzwAlgorithm) throw new DecodeError(`Cannot decompress unknown algorithm ${Algo}`);
  return lzwDecode(Buf ?? new Uint8Array(0), bytesMax);
}

/** `0c crc:u32be bytes`. */
export function encodeCrc(bytes: Uint8Array): Uint8Array {
  const wrapped = new Uint8Array(crcHeaderBytes + bytes.length);
  wrapped[0] = messageType.hasCrc;
  new DataView(wrapped.buffer).setUint32(1, crc32(bytes));
  wrapped.set(bytes, crcHeaderBytes);
  return wrapped;
}

/** The bytes behind a CRC if there is one; `undefined` if it does not match. */
export function decodeCrc(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < crcHeaderBytes || bytes[0] !== messageType.hasCrc) return bytes;
  const expected = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(1);
  const inner = bytes.subarray(crcHeaderBytes);
  return crc32(inner) === expected ? inner : undefined;
}
