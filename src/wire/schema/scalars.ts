/** Codecs of single values. Each names the Go type whose wire and JSON forms it has. */
import { displayText, utf8ByteString, type ByteString } from "../../lib/byte-string.ts";
import { DecodeError } from "../../lib/errors.ts";
import { parseDuration, renderDuration } from "../../lib/duration.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import { jsonMismatch, type Codec, type JsonValue } from "./codec.ts";
import { quoteJson } from "./json-text.ts";

/** Go `string`. */
export const str: Codec<string> = {
  zero: "",
  shape: { kind: "text" },
  isEmpty: (value) => value === "",
  encode: (writer, value) => writer.text(value),
  decode: (reader) => reader.text(),
  json: quoteJson,
  fromJson: (value, path) => {
    if (typeof value !== "string") throw jsonMismatch(value, path, "string");
    return value;
  },
};

/** Go `string` that need not be UTF-8: KV keys. JSON shows it as text. */
export const byteStr: Codec<ByteString> = {
  zero: "" as ByteString,
  isEmpty: (value) => value === "",
  encode: (writer, value) => writer.byteText(value),
  decode: (reader) => reader.byteText(),
  json: (value) => quoteJson(displayText(value)),
  fromJson: (value, path) => utf8ByteString(str.fromJson(value, path)),
};

/** Go `bool`. */
export const bool: Codec<boolean> = {
  zero: false,
  shape: { kind: "bool" },
  isEmpty: (value) => !value,
  encode: (writer, value) => writer.bool(value),
  decode: (reader) => reader.bool(),
  json: String,
  fromJson: (value, path) => {
    if (typeof value !== "boolean") throw jsonMismatch(value, path, "bool");
    return value;
  },
};

function integer(goType: string, min: number): Codec<number> {
  return {
    zero: 0,
    shape: { kind: min === 0 ? "uint" : "int" },
    isEmpty: (value) => value === 0,
    encode: (writer, value) => writer.int(value),
    decode: (reader) => (min === 0 ? reader.uint() : reader.int()),
    json: String,
    fromJson: (value, path) => {
      if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min) {
        throw jsonMismatch(value, path, goType);
      }
      return value;
    },
  };
}

/** Go `int`, `int64`, `int32`: anything that fits 53 bits. */
export const int = integer("int", Number.MIN_SAFE_INTEGER);
/** Go `uint64` that counts or indexes, so fits 53 bits. */
export const uint = integer("uint64", 0);

/** Go `uint64` that belongs to the user and keeps all 64 bits: KV flags. */
export const u64: Codec<bigint> = {
  zero: 0n,
  isEmpty: (value) => value === 0n,
  encode: (writer, value) => writer.bigint(value),
  decode: (reader) => {
    const value = reader.bigint();
    if (value < 0n) throw new DecodeError("msgpack: negative value for an unsigned field");
    return value;
  },
  json: String,
  fromJson: (value, path) => {
    const whole = typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value));
    if (!whole || BigInt(value) < 0n || BigInt(value) >= 1n << 64n) throw jsonMismatch(value, path, "uint64");
    return BigInt(value);
  },
};

/** Go `float64`. */
export const float64: Codec<number> = {
  zero: 0,
  shape: { kind: "float" },
  isEmpty: (value) => value === 0,
  encode: (writer, value) => writer.float64(value),
  decode: (reader) => reader.float(),
  json: String,
  fromJson: numberFromJson("float64"),
};

function numberFromJson(goType: string): (value: JsonValue, path: string) => number {
  return (value, path) => {
    if (typeof value === "bigint") return Number(value);
    if (typeof value !== "number") throw jsonMismatch(value, path, goType);
    return value;
  };
}

const int64Max = 2n ** 63n - 1n;

/** Rounding to a double may have carried the longest durations over the end. */
function nearestInt64(value: number): bigint {
  const whole = BigInt(Math.trunc(value));
  return whole > int64Max ? int64Max : whole;
}

/** Go `time.Duration` in nanoseconds; JSON shows the number of nanoseconds. */
export const durationNs: Codec<number> = {
  zero: 0,
  shape: { kind: "int" },
  isEmpty: (value) => value === 0,
  encode: (writer, value) =>
    Number.isSafeInteger(value) ? writer.int(value) : writer.bigint(nearestInt64(value)),
  decode: (reader) => {
    const value = reader.bigint();
    if (value > int64Max) throw new DecodeError("msgpack: duration over 63 bits");
    return Number(value);
  },
  json: (value) => (Number.isSafeInteger(value) ? String(value) : String(BigInt(Math.trunc(value)))),
  fromJson: durationFromJson,
};

/** Go `time.Duration` in nanoseconds; JSON shows text such as `1m30s`. */
export const durationText: Codec<number> = { ...durationNs, json: (value) => `"${renderDuration(value)}"` };

/** A number of nanoseconds or duration text, as the API's hand-written decoders take either. */
function durationFromJson(value: JsonValue, path: string): number {
  if (typeof value === "string") {
    if (value === "") return 0;
    const parsed = parseDuration(value);
    if (parsed === undefined) throw new DecodeError(`time: invalid duration ${JSON.stringify(value)}`);
    return parsed;
  }
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "number") throw jsonMismatch(value, path, "time.Duration");
  return Math.trunc(value);
}

/** Go `[]byte`; JSON is base64, `null` when nil. Decoded bytes alias the input. */
export const bytes: Codec<Uint8Array | null> = {
  zero: null,
  isEmpty: (value) => value === null || value.length === 0,
  encode: (writer, value) => (value === null ? writer.nil() : writer.bytes(value)),
  decode: (reader) => reader.bytes(),
  json: (value) => (value === null ? "null" : `"${toBase64(value)}"`),
  fromJson: (value, path) => {
    if (value === null) return null;
    if (typeof value !== "string") throw jsonMismatch(value, path, "[]uint8");
    return fromBase64(value);
  },
};
