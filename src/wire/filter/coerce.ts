/** Values of expressions as the compared field's type. Source: strconv's ParseInt (base 0), ParseBool, ParseFloat. */
import { quoteGo } from "../../lib/go-quote.ts";

export type Coerced = { readonly value: string | number | boolean } | { readonly problem: string };

const trueTexts = ["1", "t", "T", "true", "TRUE", "True"];
const falseTexts = ["0", "f", "F", "false", "FALSE", "False"];
const whole =
  /^([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/;
const decimal = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** Reads `text` as a value of a primitive kind. */
export function coerce(text: string, kind: "text" | "bool" | "int" | "uint" | "float"): Coerced {
  if (kind === "text") return { value: text };
  if (kind === "bool") {
    if (trueTexts.includes(text)) return { value: true };
    return falseTexts.includes(text) ? { value: false } : refused("ParseBool", text, "invalid syntax");
  }
  if (kind === "float") {
    return decimal.test(text) ? { value: Number(text) } : refused("ParseFloat", text, "invalid syntax");
  }
  return coerceWhole(text, kind === "uint");
}

/** Beyond 53 bits the value is rounded, which no field's value can equal. */
function coerceWhole(text: string, unsigned: boolean): Coerced {
  const name = unsigned ? "ParseUint" : "ParseInt";
  const found = whole.exec(text);
  if (found === null || (unsigned && found[1] !== "")) return refused(name, text, "invalid syntax");
  const digits = (found[2] ?? "").replaceAll("_", "");
  const magnitude = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = found[1] === "-" ? -magnitude : magnitude;
  const limit = unsigned ? 1n << 64n : 1n << 63n;
  if (value >= limit || value < -limit) return refused(name, text, "value out of range");
  return { value: Number(value) };
}

function refused(name: string, text: string, why: string): Coerced {
  return { problem: `strconv.${name}: parsing ${quoteGo(text)}: ${why}` };
}
