/** What templates compute with. */
import { ifAttribute, renderIfAddr, type IfAddr } from "./if-addr.ts";
import { AddressTemplateError } from "./template-error.ts";

/** A value; `undefined` is Go's nil. */
export type Value = undefined | boolean | number | string | IfAddr | readonly IfAddr[];
export type ParameterType = "any" | "string" | "int" | "uint" | "addresses";

export interface TemplateFunction {
  readonly parameters: readonly ParameterType[];
  /** Type of any further arguments. */
  readonly rest?: ParameterType;
  /** Arguments are of the promised types. Throws `AddressTemplateError`. */
  run(values: readonly Value[]): Value;
}

/** How a value counts in a condition. */
export function isTrue(value: Value): boolean {
  if (typeof value === "string" || Array.isArray(value)) return value.length > 0;
  if (typeof value === "number" || typeof value === "boolean") return Boolean(value);
  return value !== undefined;
}

/** The Go type of a value, for messages. */
export function typeName(value: Value): string {
  if (value === undefined) return "<nil>";
  if (isList(value)) return "sockaddr.IfAddrs";
  if (typeof value === "object") return "sockaddr.IfAddr";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  return Number.isInteger(value) ? "int" : "float64";
}

/** A value as Go prints it. */
export function renderValue(value: Value): string {
  if (value === undefined) return "<no value>";
  if (isList(value)) return `[${value.map(renderIfAddr).join(" ")}]`;
  return typeof value === "object" ? renderIfAddr(value) : String(value);
}

/** Whether a value is a list of addresses. */
export function isList(value: Value): value is readonly IfAddr[] {
  return Array.isArray(value);
}

/** Attributes of one address or of the first of a list; "" for an empty list. */
export function attributeOf(selector: string, value: Value): string {
  if (isList(value)) {
    const [first] = value;
    return first === undefined ? "" : ifAttribute(first, selector);
  }
  if (typeof value === "object") return ifAttribute(value, selector);
  throw new AddressTemplateError(
    `unable to obtain attribute ${selector} from type ${typeName(value)} (${renderValue(value)})`,
  );
}
