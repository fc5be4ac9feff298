/** Texts about the values of configuration files as the reference's decoder (Go) words them. */
import type { SettingValue } from "./settings.ts";

/** What whole numbers of a file are in Go: JSON knows floats only. */
export type WholeNumbers = "float64" | "int";

/** Go's name for the kind of a decoded value. */
export function goKind(value: SettingValue, whole: WholeNumbers): string {
  if (value === null) return "invalid";
  if (Array.isArray(value)) return "slice";
  if (typeof value === "string") return "string";
  if (typeof value === "number") return Number.isInteger(value) ? whole : "float64";
  return typeof value === "boolean" ? "bool" : "map";
}

/** Go's name for the type of a decoded value. */
export function goType(value: SettingValue, whole: WholeNumbers): string {
  const kind = goKind(value, whole);
  if (kind === "slice") return "[]interface {}";
  return kind === "map" ? "map[string]interface {}" : kind;
}

/** Floats from this size on have an exponent. Source: Go's strconv, format "g" with the fewest digits. */
const exponentFrom = 1e6;
const exponentBelow = 1e-4;

function goNumber(value: number, whole: WholeNumbers): string {
  if (whole === "int" && Number.isInteger(value)) return BigInt(value).toString();
  const size = Math.abs(value);
  const isPlain = size === 0 || (size >= exponentBelow && size < exponentFrom);
  const text = isPlain ? String(value) : value.toExponential();
  // Go writes at least two digits of an exponent.
  return text.replace(/e([+-])(\d)$/u, "e$10$2");
}

/** A value as Go's `%v` prints it: `map[a:1]`, `[a b]`, `<nil>`. */
export function goValue(value: SettingValue, whole: WholeNumbers): string {
  if (value === null) return "<nil>";
  if (typeof value === "number") return goNumber(value, whole);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (isList(value)) return `[${value.map((item) => goValue(item, whole)).join(" ")}]`;
  const pairs = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${pairs.map(([key, item]) => `${key}:${goValue(item, whole)}`).join(" ")}]`;
}

/** Narrows to a list; `Array.isArray` alone does not see read-only lists. */
export function isList(value: SettingValue | undefined): value is readonly SettingValue[] {
  return Array.isArray(value);
}

/** Narrows to an object that is no list. */
export function isTree(value: SettingValue | undefined): value is { readonly [key: string]: SettingValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
