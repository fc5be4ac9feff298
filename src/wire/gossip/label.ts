/**
 * The label that tells pools apart on shared ports: `f4 length:u8 label`, outermost. Source: memberlist since 0.3.0.
 */
import { DecodeError } from "../../lib/errors.ts";
import { messageType } from "./message-type.ts";

/** Bytes of a label, at most; 0 means no label. */
export const labelBytesMax = 255;

const utf8 = new TextEncoder();

/** What a label adds to a packet. */
export function labelOverheadBytes(label: string): number {
  return label === "" ? 0 : 2 + utf8.encode(label).length;
}

/** The header that a label puts before a packet or a dialled stream; empty for no label. */
export function labelHeader(label: string): Uint8Array {
  if (label === "") return new Uint8Array(0);
  const text = utf8.encode(label);
  if (text.length > labelBytesMax) throw new DecodeError(`label ${JSON.stringify(label)} is too long`);
  return Uint8Array.from([messageType.hasLabel, text.length, ...text]);
}

/** The label's bytes, which encryption authenticates. */
export function labelBytes(label: string): Uint8Array {
  return utf8.encode(label);
}

/** The label at the front of a buffer; `undefined` while more bytes are needed. Throws `DecodeError`. */
export function takeLabel(bytes: Uint8Array): { readonly label: string; readonly bytes: number } | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] !== messageType.hasLabel) return { label: "", bytes: 0 };
  const length = bytes[1];
  if (length === undefined) return undefined;
  if (length === 0) throw new DecodeError("label header cannot be empty when present");
  if (bytes.length < 2 + length) return undefined;
  return { label: new TextDecoder().decode(bytes.subarray(2, 2 + length)), bytes: 2 + length };
}
