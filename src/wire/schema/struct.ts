/**
 * Structs: a name and an ordered field list, from which all three forms follow.
 *
 *     const Weights = struct("Weights", { Passing: int, Warning: int });
 *     type Weights = Infer<typeof Weights>;
 *
 * Fields are declared in the order of the JSON form (Go's declaration order); on the wire they are
 * written sorted by name, as HashiCorp's codec does. Embedded Go structs are spread: `{ ...raftIndex }`.
 * A field's options say where the two forms differ: `field(codec, { json: "id", omitEmptyJson: true })`.
 */
import { DecodeError } from "../../lib/errors.ts";
import type { MsgpackReader } from "../msgpack/reader.ts";
import { MsgpackWriter } from "../msgpack/writer.ts";
import { asObject } from "./collections.ts";
import type { Codec, JsonValue } from "./codec.ts";
import { quoteJson } from "./json-text.ts";
import type { Shape } from "./shape.ts";

export interface FieldOptions {
  /** Name in JSON; `null` keeps the field out of JSON. Default: the field's name. */
  readonly json?: string | null;
  /** Drop the field from JSON when it is empty (`json:",omitempty"`). */
  readonly omitEmptyJson?: boolean;
  /** Name on the wire; `null` keeps the field off the wire. Default: the field's name. */
  readonly wire?: string | null;
  /** Drop the field from the wire when it is empty (`codec:",omitempty"`). */
  readonly omitEmptyWire?: boolean;
  /** `false` hides the field from filter expressions (`bexpr:"-"`); so does `json: null`. */
  readonly selectable?: false;
}

/** A codec with a place in a struct. */
export interface Field<T> extends FieldOptions {
  readonly codec: Codec<T>;
}

/** Gives a codec field options. */
export function field<T>(codec: Codec<T>, options: FieldOptions): Field<T> {
  return { codec, ...options };
}

type Declared = Readonly<Record<string, Codec<unknown> | Field<unknown>>>;
/** The TypeScript type of a struct with these fields. */
export type StructValue<D> = {
  readonly [K in keyof D]: D[K] extends Codec<infer T> ? T : D[K] extends Field<infer T> ? T : never;
};

export interface StructOptions {
  /** Further names that JSON input may use, lower case → field name: `{ serviceid: "ServiceID" }`. */
  readonly jsonAliases?: Readonly<Record<string, string>>;
}

/** A struct's codec; `make` fills what is not given with zero values. */
export interface StructCodec<T> extends Codec<T> {
  readonly name: string;
  /** Field names in declaration order. */
  readonly fieldNames: readonly string[];
  make(given: Partial<T>): T;
}

interface Plan {
  readonly key: string;
  readonly codec: Codec<unknown>;
  readonly jsonPrefix: string;
  readonly omitEmptyJson: boolean;
  readonly omitEmptyWire: boolean;
  /** MessagePack bytes of the wire name. */
  readonly wireKey: Uint8Array;
}

type Loose = Record<string, unknown>;

/** Declares a struct. */
export function struct<const D extends Declared>(
  name: string,
  fields: D,
  options: StructOptions = {},
): StructCodec<StructValue<D>> {
  const entries = Object.entries(fields).map(([key, declared]) => ({ key, spec: asField(declared) }));
  const zero = Object.freeze(
    Object.fromEntries(entries.map(({ key, spec }) => [key, spec.codec.zero])),
  ) as Loose;
  const jsonPlans = entries.filter(({ spec }) => spec.json !== null).map(({ key, spec }) => plan(key, spec));
  const wirePlans = entries
    .filter(({ spec }) => spec.wire !== null)
    .sort((a, b) => ((a.spec.wire ?? a.key) < (b.spec.wire ?? b.key) ? -1 : 1))
    .map(({ key, spec }) => plan(key, spec));
  const wire = { plans: wirePlans, skippable: wirePlans.filter(({ omitEmptyWire }) => omitEmptyWire) };
  const byWireName = new Map(entries.map(({ key, spec }) => [spec.wire ?? key, plan(key, spec)]));
  const byJsonName = jsonNames(name, entries, options);

  const codec: StructCodec<Loose> = {
    name,
    fieldNames: entries.map(({ key }) => key),
    zero,
    shape: structShape(entries),
    make: (given) => {
      const result: Loose = { ...zero };
      // A third faster than a second spread.
      for (const key in given) result[key] = given[key];
      return result;
    },
    isEmpty: (value) => entries.every(({ key, spec }) => spec.codec.isEmpty(value[key])),
    encode: (writer, value) => encodeStruct(writer, wire, value),
    decode: (reader) => decodeStruct(reader, { wirePlans, byWireName, zero }),
    json: (value) => structJson(jsonPlans, value),
    fromJson: (value, path) => {
      const result: Loose = { ...zero };
      if (value === null) return result;
      const object = asObject(value, path, name);
      // Parsed JSON inherits nothing that is enumerable; a list of entries would cost more than their decoding.
      for (const given in object) {
        const member = object[given] as JsonValue;
        const target = byJsonName.get(given) ?? byJsonName.get(given.toLowerCase());
        if (target === undefined) continue;
        const place = path === "" ? target.place : `${path}.${target.key}`;
        result[target.key] = member === null ? target.codec.zero : target.codec.fromJson(member, place);
      }
      return result;
    },
  };
  return codec as unknown as StructCodec<StructValue<D>>;
}

function structShape(
  entries: readonly { readonly key: string; readonly spec: Field<unknown> }[],
): Shape | undefined {
  const fields = new Map<string, Shape>();
  for (const { key, spec } of entries) {
    const { shape } = spec.codec;
    if (shape !== undefined && spec.json !== null && spec.selectable !== false) fields.set(key, shape);
  }
  return fields.size === 0 ? undefined : { kind: "struct", fields };
}

function asField(declared: Codec<unknown> | Field<unknown>): Field<unknown> {
  return "codec" in declared ? declared : { codec: declared };
}

function plan(key: string, spec: Field<unknown>): Plan {
  const writer = new MsgpackWriter();
  writer.text(spec.wire ?? key);
  return {
    key,
    codec: spec.codec,
    jsonPrefix: `${quoteJson(spec.json ?? key)}:`,
    omitEmptyJson: spec.omitEmptyJson ?? false,
    omitEmptyWire: spec.omitEmptyWire ?? false,
    wireKey: writer.take(),
  };
}

/** Where a JSON member goes. */
interface JsonTarget {
  readonly key: string;
  readonly codec: Codec<unknown>;
  /** The field in error texts, where the struct is the outermost. */
  readonly place: string;
}

/** Go matches JSON names exactly first, then without regard to case. */
function jsonNames(
  struct: string,
  entries: readonly { readonly key: string; readonly spec: Field<unknown> }[],
  options: StructOptions,
): ReadonlyMap<string, JsonTarget> {
  const names = new Map<string, JsonTarget>();
  for (const { key, spec } of entries) {
    if (spec.json === null) continue;
    const shown = spec.json ?? key;
    const target = { key, codec: spec.codec, place: `${struct}.${key}` };
    names.set(shown, target);
    if (!names.has(shown.toLowerCase())) names.set(shown.toLowerCase(), target);
  }
  for (const [alias, key] of Object.entries(options.jsonAliases ?? {})) {
    const spec = entries.find((entry) => entry.key === key)?.spec;
    if (spec !== undefined) names.set(alias, { key, codec: spec.codec, place: `${struct}.${key}` });
  }
  return names;
}

/** `skippable`: those of the plans that leave empty values out. */
function encodeStruct(
  writer: MsgpackWriter,
  { plans, skippable }: { readonly plans: readonly Plan[]; readonly skippable: readonly Plan[] },
  value: Loose,
): void {
  let skipped = 0;
  for (let i = 0; i < skippable.length; i += 1) {
    const { key, codec } = skippable[i] as Plan;
    if (codec.isEmpty(value[key])) skipped += 1;
  }
  writer.mapHeader(plans.length - skipped);
  for (let i = 0; i < plans.length; i += 1) {
    const one = plans[i] as Plan;
    if (skipped > 0 && one.omitEmptyWire && one.codec.isEmpty(value[one.key])) continue;
    writer.raw(one.wireKey);
    one.codec.encode(writer, value[one.key]);
  }
}

interface DecodePlan {
  readonly wirePlans: readonly Plan[];
  readonly byWireName: ReadonlyMap<string, Plan>;
  readonly zero: Loose;
}

/** Names usually arrive in wire order, so each is first compared with the next one expected, or with those after it
 * if that one is left out when it is empty. */
function decodeStruct(reader: MsgpackReader, { wirePlans, byWireName, zero }: DecodePlan): Loose {
  const count = reader.mapHeader();
  const value: Loose = { ...zero };
  if (count === null) return value;
  return reader.nested(() => {
    let next = 0;
    for (let i = 0; i < count; i += 1) {
      let at = next;
      let expected = wirePlans[at];
      let isNext = expected !== undefined && reader.takeExact(expected.wireKey);
      while (!isNext && expected?.omitEmptyWire === true) {
        at += 1;
        expected = wirePlans[at];
        isNext = expected !== undefined && reader.takeExact(expected.wireKey);
      }
      if (isNext && expected !== undefined) {
        value[expected.key] = expected.codec.decode(reader);
        next = at + 1;
        continue;
      }
      const found = byWireName.get(reader.text());
      if (found === undefined) reader.skip();
      else {
        value[found.key] = found.codec.decode(reader);
        next = wirePlans.findIndex((one) => one.key === found.key) + 1;
      }
    }
    return value;
  });
}

function structJson(plans: readonly Plan[], value: Loose): string {
  let text = "";
  for (let i = 0; i < plans.length; i += 1) {
    const { key, codec, omitEmptyJson, jsonPrefix } = plans[i] as Plan;
    const member = value[key];
    if (omitEmptyJson && codec.isEmpty(member)) continue;
    text += (text === "" ? "{" : ",") + jsonPrefix + codec.json(member);
  }
  return text === "" ? "{}" : `${text}}`;
}

/** Parses a whole JSON text by `codec`. Throws `DecodeError`. */
export function fromJsonValue<T>(codec: Codec<T>, value: JsonValue): T {
  try {
    return codec.fromJson(value, "");
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError("json: the value has an unexpected shape", { cause: error });
  }
}
