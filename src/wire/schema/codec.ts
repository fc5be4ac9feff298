/**
 * One description of a value, three forms of it: TypeScript, MessagePack and the HTTP API's JSON.
 *
 * A `Codec<T>` converts between them. Structs are built from codecs by `struct()`; no field list is
 * written twice. Go's zero values are explicit: absent text is "", an absent list, map, pointer or
 * byte slice is `null` (peers and clients tell `null` from empty).
 */
import { DecodeError } from "../../lib/errors.ts";
import { MsgpackReader } from "../msgpack/reader.ts";
import { MsgpackWriter } from "../msgpack/writer.ts";
import type { Shape } from "./shape.ts";

/** A parsed JSON document. Integers that do not fit a double arrive as `bigint`. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Converts one kind of value. Methods never keep or change the value. */
export interface Codec<T> {
  /** Go's zero value of this type, shared and frozen where it is an object. */
  readonly zero: T;
  /** What values are made of; `undefined` where expressions cannot look inside. */
  readonly shape?: Shape | undefined;
  /** Whether `omitempty` would drop it. */
  isEmpty(value: T): boolean;
  encode(writer: MsgpackWriter, value: T): void;
  /** Throws `DecodeError`. Bytes may alias the reader's buffer. */
  decode(reader: MsgpackReader): T;
  /** JSON text as Go's encoder prints it. */
  json(value: T): string;
  /** From parsed JSON, as Go's decoder accepts it; `path` names the place in errors. Throws `DecodeError`. */
  fromJson(value: JsonValue, path: string): T;
}

/** The TypeScript type that a codec converts. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

/** MessagePack bytes of `value`, in a buffer of their own. */
export function encodeMsgpack<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new MsgpackWriter();
  codec.encode(writer, value);
  return writer.take();
}

/** Decodes exactly one value that fills `bytes`. Throws `DecodeError`. */
export function decodeMsgpack<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new MsgpackReader(bytes);
  const value = codec.decode(reader);
  reader.expectEnd();
  return value;
}

/** The error of a JSON value of the wrong kind, in the wording of Go's decoder. */
export function jsonMismatch(value: JsonValue, path: string, wanted: string): DecodeError {
  const place = path === "" ? "value" : `struct field ${path}`;
  return new DecodeError(`json: cannot unmarshal ${kindOfJson(value)} into Go ${place} of type ${wanted}`);
}

function kindOfJson(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "number";
  return typeof value;
}
