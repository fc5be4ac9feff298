/** Reads Protocol Buffers' fields from hostile bytes. Source: protobuf.dev, "Encoding". */
import { DecodeError } from "../../lib/errors.ts";

/** One field: a number (varint) or bytes (text, bytes, a message). Fixed-width fields are skipped. */
export type ProtoField =
  | { readonly fieldNumber: number; readonly kind: "int"; readonly value: number }
  | { readonly fieldNumber: number; readonly kind: "bytes"; readonly value: Uint8Array };

const utf8 = new TextDecoder();

/** The text of a field. Throws `DecodeError` if it has none. */
export function protoText(field: ProtoField): string {
  if (field.kind !== "bytes") throw new DecodeError(`protobuf: field ${field.fieldNumber} is not text`);
  return utf8.decode(field.value);
}

/** Every field in order. Throws `DecodeError`; integers over 53 bits are refused. */
export function decodeProto(bytes: Uint8Array): readonly ProtoField[] {
  const fields: ProtoField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte > 0x7f) continue;
      if (!Number.isSafeInteger(value)) throw new DecodeError("protobuf: integer over 53 bits");
      return value;
    }
    throw new DecodeError("protobuf: the input ends inside a number");
  };
  while (at < bytes.length) {
    const tag = varint();
    const fieldNumber = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) fields.push({ fieldNumber, kind: "int", value: varint() });
    else if (wireType === 2) {
      const length = varint();
      if (length > bytes.length - at) throw new DecodeError("protobuf: the input ends inside a field");
      fields.push({ fieldNumber, kind: "bytes", value: bytes.subarray(at, at + length) });
      at += length;
    } else if (wireType === 1 || wireType === 5) at += wireType === 1 ? 8 : 4;
    else throw new DecodeError(`protobuf: wire type ${wireType}`);
  }
  if (at > bytes.length) throw new DecodeError("protobuf: the input ends inside a field");
  return fields;
}
