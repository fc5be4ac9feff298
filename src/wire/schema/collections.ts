/** Codecs of lists, maps, pointers and values without a schema. */
import { DecodeError } from "../../lib/errors.ts";
import type { MsgpackReader } from "../msgpack/reader.ts";
import type { MsgpackWriter } from "../msgpack/writer.ts";
import { jsonMismatch, type Codec, type JsonObject, type JsonValue } from "./codec.ts";
import { quoteJson, sortedKeys } from "./json-text.ts";

/** Go slice. `null` is nil, which peers and clients tell from empty. */
export function list<T>(item: Codec<T>): Codec<readonly T[] | null> {
  return {
    zero: null,
    shape: item.shape === undefined ? undefined : { kind: "list", item: item.shape },
    isEmpty: (value) => value === null || value.length === 0,
    encode: (writer, value) => {
      if (value === null) return writer.nil();
      writer.arrayHeader(value.length);
      for (const one of value) item.encode(writer, one);
    },
    decode: (reader) => {
      const count = reader.arrayHeader();
      if (count === null) return null;
      return reader.nested(() => {
        const items: T[] = [];
        for (let i = 0; i < count; i += 1) items.push(item.decode(reader));
        return items;
      });
    },
    json: (value) => {
      if (value === null) return "null";
      if (value.length === 0) return "[]";
      let text = "[";
      for (let i = 0; i < value.length; i += 1) text += (i === 0 ? "" : ",") + item.json(value[i] as T);
      return `${text}]`;
    },
    fromJson: (value, path) => {
      if (value === null) return null;
      if (!Array.isArray(value)) throw jsonMismatch(value, path, "[]");
      return (value as readonly JsonValue[]).map((one) =>
        one === null ? item.zero : item.fromJson(one, path),
      );
    },
  };
}

/** Go map with string keys. `null` is nil. Printed and written in key order, so that equal maps give equal bytes. */
export function map<T>(item: Codec<T>): Codec<Readonly<Record<string, T>> | null> {
  return {
    zero: null,
    shape: item.shape === undefined ? undefined : { kind: "map", value: item.shape },
    isEmpty: (value) => value === null || Object.keys(value).length === 0,
    encode: (writer, value) => {
      if (value === null) return writer.nil();
      const keys = sortedKeys(value);
      writer.mapHeader(keys.length);
      for (const key of keys) {
        writer.text(key);
        item.encode(writer, value[key] as T);
      }
    },
    decode: (reader) => {
      const count = reader.mapHeader();
      if (count === null) return null;
      return reader.nested(() => {
        const entries = emptyRecord<T>();
        for (let i = 0; i < count; i += 1) entries[reader.text()] = item.decode(reader);
        return entries;
      });
    },
    json: (value) => {
      if (value === null) return "null";
      return `{${sortedKeys(value)
        .map((key) => `${quoteJson(key)}:${item.json(value[key] as T)}`)
        .join(",")}}`;
    },
    fromJson: (value, path) => {
      if (value === null) return null;
      const entries = emptyRecord<T>();
      for (const [key, one] of Object.entries(asObject(value, path, "map[string]"))) {
        entries[key] = one === null ? item.zero : item.fromJson(one, path);
      }
      return entries;
    },
  };
}

/** Go pointer: `null` is nil. */
export function ptr<T>(target: Codec<T>): Codec<T | null> {
  return {
    zero: null,
    shape: target.shape,
    isEmpty: (value) => value === null,
    encode: (writer, value) => (value === null ? writer.nil() : target.encode(writer, value)),
    decode: (reader) => (reader.takeNil() ? null : target.decode(reader)),
    json: (value) => (value === null ? "null" : target.json(value)),
    fromJson: (value, path) => (value === null ? null : target.fromJson(value, path)),
  };
}

/** A codec that is looked up on use, for types that contain themselves. `zero` must not recurse. */
export function lazy<T>(zero: T, target: () => Codec<T>): Codec<T> {
  return {
    zero,
    isEmpty: (value) => target().isEmpty(value),
    encode: (writer, value) => target().encode(writer, value),
    decode: (reader) => target().decode(reader),
    json: (value) => target().json(value),
    fromJson: (value, path) => target().fromJson(value, path),
  };
}

/**
 * Go `any`: JSON-like, without a schema. A `number` is a float64, which is what JSON numbers become; a
 * `bigint` is an integer that a peer sent. Raw forms read as text, as peers with RawToString do.
 */
export const any: Codec<JsonValue> = {
  zero: null,
  isEmpty: (value) => value === null,
  encode: encodeAny,
  decode: decodeAny,
  json: anyJson,
  fromJson: (value) => value,
};

function encodeAny(writer: MsgpackWriter, value: JsonValue): void {
  if (value === null) writer.nil();
  else if (typeof value === "string") writer.text(value);
  else if (typeof value === "boolean") writer.bool(value);
  else if (typeof value === "number") writer.float64(value);
  else if (typeof value === "bigint") writer.bigint(value);
  else if (isJsonArray(value)) {
    writer.arrayHeader(value.length);
    for (const one of value) encodeAny(writer, one);
  } else {
    const keys = sortedKeys(value);
    writer.mapHeader(keys.length);
    for (const key of keys) {
      writer.text(key);
      encodeAny(writer, value[key] ?? null);
    }
  }
}

function decodeAny(reader: MsgpackReader): JsonValue {
  switch (reader.peek()) {
    case "nil":
      reader.takeNil();
      return null;
    case "bool":
      return reader.bool();
    case "int":
      return reader.bigint();
    case "float":
      return reader.float();
    case "raw":
      return reader.text();
    case "bin":
    case "ext":
      throw new DecodeError("msgpack: bytes where a JSON-like value was expected");
    case "array": {
      const count = reader.arrayHeader() ?? 0;
      return reader.nested(() => {
        const items: JsonValue[] = [];
        for (let i = 0; i < count; i += 1) items.push(decodeAny(reader));
        return items;
      });
    }
    case "map": {
      const count = reader.mapHeader() ?? 0;
      return reader.nested(() => {
        const entries = emptyRecord<JsonValue>();
        for (let i = 0; i < count; i += 1) entries[reader.text()] = decodeAny(reader);
        return entries;
      });
    }
  }
}

function anyJson(value: JsonValue): string {
  if (value === null) return "null";
  if (typeof value === "string") return quoteJson(value);
  if (typeof value !== "object") return String(value);
  if (isJsonArray(value)) return `[${value.map(anyJson).join(",")}]`;
  const keys = sortedKeys(value);
  return `{${keys.map((key) => `${quoteJson(key)}:${anyJson(value[key] ?? null)}`).join(",")}}`;
}

/** `Array.isArray` for read-only JSON arrays, which the library's type guard does not cover. */
export function isJsonArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** The members of a JSON object. Throws `DecodeError` for any other kind. */
export function asObject(value: JsonValue, path: string, goType: string): JsonObject {
  if (value === null || typeof value !== "object" || isJsonArray(value))
    throw jsonMismatch(value, path, goType);
  return value as JsonObject;
}

/** A record without a prototype, so that keys such as `__proto__` are only keys. */
export function emptyRecord<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}
