/**
 * JSON as Go's encoder prints it: fields in the order of their struct, keys of maps by bytes, `<` as
 * `\u003c`. Scripts that read what `watch` and `debug` print expect this text.
 */
import { byBytes, quoteJson } from "../wire/schema/json-text.ts";

/** A value whose maps keep the order of their entries, which a plain object would not for keys like "1". */
export type GoJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly GoJson[]
  | ReadonlyMap<string, GoJson>;

/** `value` on one line, or, with an `indent` such as four blanks, over many. */
export function renderGoJson(value: GoJson, indent = ""): string {
  return render(value, { indent, margin: indent === "" ? "" : "\n" });
}

interface Layout {
  readonly indent: string;
  /** What a line of the value's own level starts with; "" on one line. */
  readonly margin: string;
}

function render(value: GoJson, layout: Layout): string {
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return JSON.stringify(value);
  if (typeof value === "string") return quoteJson(value);
  const inner = { ...layout, margin: layout.margin + layout.indent };
  if (isList(value)) {
    return enclose(
      ["[", "]"],
      value.map((item) => render(item, inner)),
      layout,
    );
  }
  const colon = layout.indent === "" ? ":" : ": ";
  const entries = [...value].map(([name, field]) => `${quoteJson(name)}${colon}${render(field, inner)}`);
  return enclose(["{", "}"], entries, layout);
}

function isList(value: readonly GoJson[] | ReadonlyMap<string, GoJson>): value is readonly GoJson[] {
  return Array.isArray(value);
}

function enclose(
  [open, close]: readonly [string, string],
  parts: readonly string[],
  { indent, margin }: Layout,
): string {
  if (parts.length === 0) return open + close;
  return open + margin + indent + parts.join(`,${margin}${indent}`) + margin + close;
}

/** Any JSON value, as Go prints it once it has been read into a map. */
export function toGoJson(value: unknown): GoJson {
  if (Array.isArray(value)) return value.map(toGoJson);
  if (typeof value === "object" && value !== null) {
    const sorted = Object.entries(value).sort(([a], [b]) => byBytes(a, b));
    return new Map(sorted.map(([name, field]) => [name, toGoJson(field)]));
  }
  if (value === undefined) return null;
  return value as GoJson;
}
