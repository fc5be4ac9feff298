/**
 * From the JSON of one file to settings: names and types are checked, spellings made uniform.
 *
 * Types are strict (a number is no string), as in the reference; names are matched without regard to case;
 * `null` counts as absent; a list of one stands for its element where no list is expected (in HCL a block is
 * a list). Source: mitchellh/mapstructure and the reference's lib/decode; texts measured.
 */
import { unreachable } from "../lib/assert.ts";
import { goKind, goType, goValue, isList, isTree, type WholeNumbers } from "./go-text.ts";
import type { ObjectNode, SchemaNode } from "./schema.ts";
import type { SettingTree, SettingValue } from "./settings.ts";

/** What became of one file. */
export interface Decoded {
  readonly tree: SettingTree;
  /** Paths of unknown keys; those of inner objects come first. */
  readonly unknownKeys: readonly string[];
  /** Values of a wrong type, as the reference words them. */
  readonly problems: readonly string[];
}

interface Context {
  readonly unknownKeys: string[];
  readonly problems: string[];
  readonly whole: WholeNumbers;
}

interface Place {
  readonly node: SchemaNode;
  /** Path for messages: `services[0].port`. */
  readonly name: string;
}

type Scalar = Extract<SchemaNode, { kind: "string" | "bool" | "int" | "uint" | "float" }>["kind"];

const goScalar: Readonly<Record<Scalar, string>> = {
  string: "string",
  bool: "bool",
  int: "int",
  uint: "uint",
  float: "float64",
};

/** Go's type of a key; unsigned numbers come in several sizes there. */
function goTypeOf(kind: Scalar, name: string): string {
  if (kind !== "uint") return goScalar[kind];
  if (name.startsWith("dns_config.soa.")) return "uint32";
  return name.startsWith("limits.") ? "uint64" : "uint";
}

function decodeScalar(
  context: Context,
  value: SettingValue,
  place: { kind: Scalar; name: string },
): SettingValue {
  const { kind, name } = place;
  const { whole } = context;
  const isNumber = typeof value === "number";
  const fits =
    kind === "string" ? typeof value === "string" : kind === "bool" ? typeof value === "boolean" : isNumber;
  if (!fits) {
    context.problems.push(
      `'${name}' expected type '${goTypeOf(kind, name)}', got unconvertible type '${goType(value, whole)}', value: '${goValue(value, whole)}'`,
    );
    return null;
  }
  if (isNumber && kind === "uint" && value < 0) {
    context.problems.push(
      `cannot parse '${name}', ${goKind(value, whole) === "int" ? value : value.toFixed(6)} overflows uint`,
    );
    return null;
  }
  return isNumber && kind !== "float" ? Math.trunc(value) : value;
}

/** The field that `key` means: itself, an alias, or one that differs in case only. */
function fieldName(node: ObjectNode, key: string): string | undefined {
  if (node.fields.has(key)) return key;
  const lower = key.toLowerCase();
  // A file may say "constructor": what every object inherits is no alias.
  if (Object.hasOwn(node.aliases, lower)) return node.aliases[lower];
  for (const name of node.fields.keys()) if (name.toLowerCase() === lower) return name;
  return undefined;
}

function decodeObject(
  context: Context,
  tree: SettingTree,
  place: { node: ObjectNode; name: string },
): SettingTree {
  const { node, name } = place;
  const prefix = name === "" ? "" : `${name}.`;
  const found = new Map<string, SettingValue>();
  const unknown: string[] = [];
  for (const [key, value] of Object.entries(tree)) {
    const field = fieldName(node, key);
    if (field === undefined) unknown.push(prefix + key);
    // The exact spelling wins over others of the same key.
    else if (key === field || !found.has(field)) found.set(field, value);
  }
  const result: Record<string, SettingValue> = {};
  for (const [field, inner] of node.fields) {
    const value = found.get(field);
    if (value === undefined) continue;
    const decoded = decodeValue(context, value, { node: inner, name: prefix + field });
    if (decoded !== null) result[field] = decoded;
  }
  context.unknownKeys.push(...unknown.toSorted());
  return result;
}

/** In an object that is kept as it is, a list of one becomes its element, at every depth of that element. */
function unwrapSingles(value: SettingValue): SettingValue {
  if (isList(value)) return value.length === 1 ? unwrapSingles(value[0] ?? null) : value;
  if (!isTree(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unwrapSingles(item)]));
}

function decodeAny(tree: SettingTree): SettingTree {
  const pairs = Object.entries(tree).map(([key, item]): [string, SettingValue] => [
    key,
    isList(item) ? unwrapSingles(item) : item,
  ]);
  return Object.fromEntries(pairs);
}

/** What an absent element of a list is. */
function emptyValue(node: SchemaNode): SettingValue {
  switch (node.kind) {
    case "string":
      return "";
    case "bool":
      return false;
    case "int":
    case "uint":
    case "float":
      return 0;
    case "list":
      return [];
    case "any":
    case "map":
    case "object":
      return {};
    default:
      return unreachable(node);
  }
}

function decodeItem(context: Context, value: SettingValue, place: Place): SettingValue {
  return decodeValue(context, value, place) ?? emptyValue(place.node);
}

function decodeList(context: Context, list: readonly SettingValue[], place: Place): SettingValue {
  return list.map((item, index) =>
    decodeItem(context, item, { node: place.node, name: `${place.name}[${index}]` }),
  );
}

/** The settings at one place; `null` if absent or wrong (then the context says so). */
function decodeValue(context: Context, given: SettingValue, place: Place): SettingValue {
  const { node, name } = place;
  const value = isList(given) && node.kind !== "list" && given.length === 1 ? (given[0] ?? null) : given;
  if (value === null) return null;
  if (node.kind === "list") {
    if (isList(value)) return decodeList(context, value, { node: node.item, name });
    context.problems.push(
      `'${name}': source data must be an array or slice, got ${goKind(value, context.whole)}`,
    );
    return null;
  }
  if (node.kind !== "object" && node.kind !== "map" && node.kind !== "any") {
    return decodeScalar(context, value, { kind: node.kind, name });
  }
  if (!isTree(value)) {
    context.problems.push(`'${name}' expected a map, got '${goKind(value, context.whole)}'`);
    return null;
  }
  if (node.kind === "object") return decodeObject(context, value, { node, name });
  if (node.kind === "any") return decodeAny(value);
  const pairs = Object.entries(value).map(([key, item]): [string, SettingValue] => [
    key,
    decodeItem(context, item, { node: node.item, name: `${name}[${key}]` }),
  ]);
  return Object.fromEntries(pairs);
}

/**
 * Reads what a file says against the schema; `whole` is what its whole numbers are in Go. Never throws: what is
 * wrong is in the result.
 */
export function decodeSettings(
  schema: ObjectNode,
  file: SettingTree,
  whole: WholeNumbers = "float64",
): Decoded {
  const context: Context = { unknownKeys: [], problems: [], whole };
  const tree = decodeObject(context, file, { node: schema, name: "" });
  return { tree, unknownKeys: context.unknownKeys, problems: context.problems };
}

/** Values of a wrong type as the reference prints them. */
export function renderDecodeProblems(problems: readonly string[]): string {
  const lines = problems.map((problem) => `* ${problem}`).toSorted();
  return `${problems.length} error(s) decoding:\n\n${lines.join("\n")}`;
}
