/**
 * Replies of an agent, put into the shape that the reference's Go client gives them: its fields, in its
 * order, with the zero values it fills in and the empty ones it leaves out.
 */
import { unreachable } from "../lib/assert.ts";
import { DecodeError, ProconsulError } from "../lib/errors.ts";
import { parseGoDuration, renderGoDuration } from "../lib/go-duration.ts";
import { byBytes } from "../wire/schema/json-text.ts";
import { toGoJson, type GoJson } from "./go-json.ts";
import { toList, toRecord } from "./shape.ts";

/** How a value is read and printed. What is absent becomes the zero value: null for lists and maps. */
export type GoShape =
  | { readonly kind: "text" }
  | { readonly kind: "number" }
  | { readonly kind: "flag" }
  /** A duration, as text or in nanoseconds; printed as text. */
  | { readonly kind: "duration" }
  /** Base 64, or null. */
  | { readonly kind: "bytes" }
  | { readonly kind: "any" }
  | { readonly kind: "list"; readonly of: GoShape }
  | { readonly kind: "map"; readonly of: GoShape }
  | { readonly kind: "struct"; readonly fields: readonly GoField[] }
  /** A struct that may be null. */
  | { readonly kind: "pointer"; readonly to: GoShape };

/** A field of a struct. */
export interface GoField {
  readonly name: string;
  readonly shape: GoShape;
  /** Not printed when it is empty; a struct never is. */
  readonly omitEmpty: boolean;
}

/** Shapes without parts. */
export const goText: GoShape = { kind: "text" };
export const goNumber: GoShape = { kind: "number" };
export const goFlag: GoShape = { kind: "flag" };
export const goDuration: GoShape = { kind: "duration" };
export const goBytes: GoShape = { kind: "bytes" };
export const goAny: GoShape = { kind: "any" };

/** A list of `of`. */
export function goList(of: GoShape): GoShape {
  return { kind: "list", of };
}

/** A map with text keys. */
export function goMap(of: GoShape): GoShape {
  return { kind: "map", of };
}

/** A pointer to a struct. */
export function goPointer(to: GoShape): GoShape {
  return { kind: "pointer", to };
}

/** A struct; a name that ends in "?" is left out when it is empty. */
export function goStruct(fields: Readonly<Record<string, GoShape>>): GoShape {
  return {
    kind: "struct",
    fields: Object.entries(fields).map(([name, shape]) => ({
      name: name.replace(/\?$/u, ""),
      shape,
      omitEmpty: name.endsWith("?"),
    })),
  };
}

/** `value`, as it came from the agent, in `shape`. Throws `DecodeError`. */
export function shapeGo(shape: GoShape, value: unknown): GoJson {
  switch (shape.kind) {
    case "text":
      return scalar(value, { zero: "", type: "string" });
    case "number":
      return typeof value === "bigint" ? value : scalar(value, { zero: 0, type: "number" });
    case "flag":
      return scalar(value, { zero: false, type: "boolean" });
    case "duration":
      return durationText(value);
    case "bytes":
      return scalar(value, { zero: null, type: "string" });
    case "any":
      return toGoJson(value);
    case "list":
      return value === null || value === undefined
        ? null
        : toList(value).map((item) => shapeGo(shape.of, item));
    case "map":
      return shapeMap(shape.of, value);
    case "struct":
      return shapeStruct(shape.fields, value);
    case "pointer":
      return value === null || value === undefined ? null : shapeGo(shape.to, value);
    default:
      return unreachable(shape);
  }
}

function scalar(
  value: unknown,
  { zero, type }: { readonly zero: null | string | number | boolean; readonly type: string },
): GoJson {
  if (value === null || value === undefined) return zero;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    if (typeof value === type) return value;
  }
  throw new DecodeError(`json: cannot unmarshal ${typeof value} into Go value of type ${type}`);
}

function durationText(value: unknown): string {
  if (value === null || value === undefined || value === "") return "0s";
  if (typeof value === "number" || typeof value === "bigint") return renderGoDuration(BigInt(value));
  if (typeof value !== "string") throw new DecodeError("json: a duration is a text or a number");
  try {
    return renderGoDuration(parseGoDuration(value));
  } catch (error) {
    if (error instanceof ProconsulError) throw new DecodeError(error.message, { cause: error });
    throw error;
  }
}

function shapeMap(of: GoShape, value: unknown): GoJson {
  if (value === null || value === undefined) return null;
  const sorted = Object.entries(toRecord(value)).sort(([a], [b]) => byBytes(a, b));
  return new Map(sorted.map(([name, field]) => [name, shapeGo(of, field)]));
}

function shapeStruct(fields: readonly GoField[], value: unknown): GoJson {
  const record = toRecord(value);
  const shaped = new Map<string, GoJson>();
  for (const { name, shape, omitEmpty } of fields) {
    const field = shapeGo(shape, record[name]);
    if (omitEmpty && isEmpty(shape, field)) continue;
    shaped.set(name, field);
  }
  return shaped;
}

/** Whether Go's `omitempty` leaves a field out: a struct never, a pointer only if it is null. */
function isEmpty(shape: GoShape, value: GoJson): boolean {
  if (value instanceof Map) return value.size === 0 && (shape.kind === "map" || shape.kind === "any");
  if (Array.isArray(value)) return value.length === 0;
  return value === null || value === false || value === "" || value === 0 || value === 0n;
}
