/**
 * Writes Protocol Buffers (proto3) from plain objects, by tables: field name → number and kind.
 *
 * Zero values are left out, as proto3 does. Only what the messages of this program need.
 * Source: protobuf.dev, "Encoding".
 */
import { unreachable } from "../../lib/assert.ts";
import type { JsonValue } from "../schema/codec.ts";

/** How one field travels. `nested` reads a sub-object; `same` reads the same object again (Go's embedded structs). */
export type ProtoKind =
  | { readonly kind: "text" | "bool" | "int" | "texts" | "textMap" | "durationNs" | "anyMap" | "headerMap" }
  | { readonly kind: "nested" | "same" | "list" | "map"; readonly message: ProtoTable };

/** A message: what it calls its fields, with their numbers. */
export type ProtoTable = Readonly<Record<string, readonly [fieldNumber: number, kind: ProtoKind]>>;

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const utf8 = new TextEncoder();

/** Bytes of a message that grow. */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];
  #byteCount = 0;

  /** Everything written, in one buffer. */
  bytes(): Uint8Array {
    const whole = new Uint8Array(this.#byteCount);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /** A non-zero integer; negative ones take ten bytes. */
  int(fieldNumber: number, value: number): void {
    if (value === 0) return;
    this.#tag(fieldNumber, varint);
    this.#varint(BigInt.asUintN(64, BigInt(value)));
  }

  /** A small integer that says something even where it is 0: in a choice of fields. */
  varintAlways(fieldNumber: number, value: number): void {
    this.#tag(fieldNumber, varint);
    this.#varint(BigInt(value));
  }

  bool(fieldNumber: number, value: boolean): void {
    if (value) this.int(fieldNumber, 1);
  }

  double(fieldNumber: number, value: number): void {
    this.#tag(fieldNumber, fixed64);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#push(bytes);
  }

  text(fieldNumber: number, value: string): void {
    if (value !== "") this.chunk(fieldNumber, utf8.encode(value));
  }

  /** Bytes or a message, empty ones too: where they stand in a list, they count. */
  chunk(fieldNumber: number, value: Uint8Array): void {
    this.#tag(fieldNumber, lengthDelimited);
    this.#varint(BigInt(value.length));
    this.#push(value);
  }

  #tag(fieldNumber: number, wireType: number): void {
    this.#varint(BigInt(fieldNumber * 8 + wireType));
  }

  #varint(value: bigint): void {
    const bytes: number[] = [];
    let left = value;
    for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
    bytes.push(Number(left));
    this.#push(Uint8Array.from(bytes));
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#byteCount += bytes.length;
  }
}

type Loose = Readonly<Record<string, unknown>>;

/** A message from an object that has the table's fields. */
export function encodeProto(table: ProtoTable, value: object): Uint8Array {
  const writer = new ProtoWriter();
  const loose = value as Loose;
  for (const [name, [fieldNumber, kind]] of Object.entries(table)) {
    const member = kind.kind === "same" ? value : loose[name];
    if (member !== null && member !== undefined) writeField(writer, { fieldNumber, kind }, member);
  }
  return writer.bytes();
}

interface Place {
  readonly fieldNumber: number;
  readonly kind: ProtoKind;
}

/** The tables say what type each field has; the struct declarations beside them say the same. */
function writeField(writer: ProtoWriter, { fieldNumber, kind }: Place, member: unknown): void {
  switch (kind.kind) {
    case "text":
      return writer.text(fieldNumber, member as string);
    case "bool":
      return writer.bool(fieldNumber, member as boolean);
    case "int":
      return writer.int(fieldNumber, member as number);
    case "texts":
      for (const one of member as readonly string[]) writer.chunk(fieldNumber, utf8.encode(one));
      return;
    case "textMap":
      return writeMap(writer, fieldNumber, {
        entries: member as object,
        value: (one) => utf8.encode(one as string),
      });
    case "headerMap":
      return writeMap(writer, fieldNumber, { entries: member as object, value: headerValue });
    case "durationNs":
      return writeDuration(writer, fieldNumber, member as number);
    case "anyMap":
      return writer.chunk(fieldNumber, structValue(member as Readonly<Record<string, JsonValue>>));
    case "nested":
    case "same":
      return writer.chunk(fieldNumber, encodeProto(kind.message, member as object));
    case "list":
      for (const one of member as readonly object[])
        writer.chunk(fieldNumber, encodeProto(kind.message, one));
      return;
    case "map": {
      const { message } = kind;
      return writeMap(writer, fieldNumber, {
        entries: member as object,
        value: (one) => encodeProto(message, one as object),
      });
    }
    default:
      return unreachable(kind);
  }
}

/** A map is a list of messages {1: key, 2: value}. */
function writeMap(
  writer: ProtoWriter,
  fieldNumber: number,
  { entries, value }: { readonly entries: object; readonly value: (one: unknown) => Uint8Array },
): void {
  for (const [key, one] of Object.entries(entries)) {
    const entry = new ProtoWriter();
    entry.text(1, key);
    entry.chunk(2, value(one));
    writer.chunk(fieldNumber, entry.bytes());
  }
}

function headerValue(values: unknown): Uint8Array {
  const writer = new ProtoWriter();
  for (const one of (values ?? []) as readonly string[]) writer.chunk(1, utf8.encode(one));
  return writer.bytes();
}

const secondNs = 1e9;

function writeDuration(writer: ProtoWriter, fieldNumber: number, ns: number): void {
  const duration = new ProtoWriter();
  duration.int(1, Math.trunc(ns / secondNs));
  duration.int(2, ns % secondNs);
  writer.chunk(fieldNumber, duration.bytes());
}

/** google.protobuf.Struct. */
function structValue(entries: Readonly<Record<string, JsonValue>>): Uint8Array {
  const writer = new ProtoWriter();
  writeMap(writer, 1, { entries, value: (one) => anyValue(one as JsonValue) });
  return writer.bytes();
}

/** google.protobuf.Value. */
function anyValue(value: JsonValue): Uint8Array {
  const writer = new ProtoWriter();
  if (value === null) writer.varintAlways(1, 0);
  else if (typeof value === "number" || typeof value === "bigint") writer.double(2, Number(value));
  else if (typeof value === "string") writer.chunk(3, utf8.encode(value));
  else if (typeof value === "boolean") writer.varintAlways(4, value ? 1 : 0);
  else if (isList(value)) {
    const list = new ProtoWriter();
    for (const one of value) list.chunk(1, anyValue(one));
    writer.chunk(6, list.bytes());
  } else writer.chunk(5, structValue(value));
  return writer.bytes();
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
