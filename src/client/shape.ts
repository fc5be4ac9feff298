/**
 * Fields of a JSON reply, read as Go reads them: an absent or null field is the zero value, a field
 * of another type is a failure.
 */
import { DecodeError } from "../lib/errors.ts";

/** An object whose fields are not known yet. */
export type JsonRecord = Readonly<Record<string, unknown>>;

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return value === null ? "null" : typeof value;
}

function mismatch(where: string, wanted: string, value: unknown): DecodeError {
  return new DecodeError(`json: cannot unmarshal ${kindOf(value)} into ${where} of type ${wanted}`);
}

/** `value` as an object; null is an empty one. Throws `DecodeError`. */
export function toRecord(value: unknown, where = "the whole"): JsonRecord {
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw mismatch(where, "object", value);
  return value as JsonRecord;
}

/** `value` as a list; null is an empty one. Throws `DecodeError`. */
export function toList(value: unknown, where = "the whole"): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw mismatch(where, "array", value);
  return value;
}

/** Text field, "" if absent. Throws `DecodeError`. */
export function textField(record: JsonRecord, name: string): string {
  const value = record[name] ?? "";
  if (typeof value !== "string") throw mismatch(name, "string", value);
  return value;
}

/** Number field, 0 if absent. Throws `DecodeError`. */
export function numberField(record: JsonRecord, name: string): number {
  const value = record[name] ?? 0;
  if (typeof value !== "number") throw mismatch(name, "number", value);
  return value;
}

/** Boolean field, false if absent. Throws `DecodeError`. */
export function boolField(record: JsonRecord, name: string): boolean {
  const value = record[name] ?? false;
  if (typeof value !== "boolean") throw mismatch(name, "boolean", value);
  return value;
}

/** Field with a list of texts, empty if absent. Throws `DecodeError`. */
export function textListField(record: JsonRecord, name: string): readonly string[] {
  return toList(record[name], name).map((item) => {
    if (typeof item !== "string") throw mismatch(`an element of ${name}`, "string", item);
    return item;
  });
}

/** Field with an object of texts, empty if absent. Throws `DecodeError`. */
export function textMapField(record: JsonRecord, name: string): Readonly<Record<string, string>> {
  const map = toRecord(record[name], name);
  return Object.fromEntries(Object.keys(map).map((key) => [key, textField(map, key)]));
}
