/** Texts about JSON values as the reference's decoder (Go) words them. */
import type { SettingValue } from "./settings.ts";

/** Go's name for the kind of a decoded JSON value. */
export function goKind(value: SettingValue): string {
  if (value === null) return "invalid";
  if (Array.isArray(value)) return "slice";
  if (typeof value === "string") return "string";
  if (typeof value === "number") return "float64";
  return typeof value === "boolean" ? "bool" : "map";
}

/** Go's name for the type of a decoded JSON value. */
export function goType(value: SettingValue): string {
  const kind = goKind(value);
  if (kind === "slice") return "[]interface {}";
  return kind === "map" ? "map[string]interface {}" : kind;
}

function goNumber(value: number): string {
  const size = Math.abs(value);
  const text = size !== 0 && size < 1e-4 ? value.toExponential() : String(value);
  // Go writes at least two digits of an exponent.
  return text.replace(/e([+-])(\d)$/u, "e$10$2");
}

/** A JSON value as Go's `%v` prints it: `map[a:1]`, `[a b]`, `<nil>`. */
export function goValue(value: SettingValue): string {
  if (value === null) return "<nil>";
  if (typeof value === "number") return goNumber(value);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (isList(value)) return `[${value.map(goValue).join(" ")}]`;
  const pairs = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${pairs.map(([key, item]) => `${key}:${goValue(item)}`).join(" ")}]`;
}

/** Narrows to a list; `Array.isArray` alone does not see read-only lists. */
export function isList(value: SettingValue | undefined): value is readonly SettingValue[] {
  return Array.isArray(value);
}

/** Narrows to an object that is no list. */
export function isTree(value: SettingValue | undefined): value is { readonly [key: string]: SettingValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
