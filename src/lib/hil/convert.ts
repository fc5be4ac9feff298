/**
 * Types of expressions and the conversions between them, which are made where another type is wanted.
 *
 * Source: HIL's built-in functions, whose names its texts of errors carry, and Go's strconv.
 */
import { quoteGo } from "../go-quote.ts";
import { HilError, type HilValue } from "./parse.ts";

export type HilType = "string" | "int" | "float" | "bool";

/** As texts of errors about operands name a type. */
export const typeName: Readonly<Record<HilType, string>> = {
  string: "TypeString",
  int: "TypeInt",
  float: "TypeFloat",
  bool: "TypeBool",
};

export function typeOf(value: HilValue): HilType {
  if (typeof value === "string") return "string";
  if (typeof value === "bigint") return "int";
  return typeof value === "number" ? "float" : "bool";
}

type Conversion = (value: HilValue) => HilValue;

const conversions: Readonly<Record<HilType, Readonly<Partial<Record<HilType, Conversion>>>>> = {
  float: { int: (value) => truncated(Number(value)), string: (value) => renderFloat(Number(value)) },
  int: { float: Number, string: String },
  string: {
    int: (value) => parseInt64(String(value)),
    float: (value) => parseFloat64(String(value)),
    bool: (value) => parseBool(String(value)),
  },
  bool: { string: String },
};

/** How a value becomes one of another type; `undefined` if it does not. Conversions of text may throw `HilError`. */
export function conversion(from: HilType, to: HilType): Conversion | undefined {
  return from === to ? (value) => value : conversions[from][to];
}

/** Go's conversion on amd64: what does not fit is the least whole number. */
function truncated(value: number): bigint {
  const fits = Number.isFinite(value) && Math.abs(value) < 2 ** 63;
  return fits ? BigInt(Math.trunc(value)) : -(1n << 63n);
}

function failed(name: string, parsing: string, problem: string): HilError {
  const [builtin = "", parser = ""] = name.split("/");
  return new HilError(`__builtin_${builtin}: strconv.${parser}: parsing ${quoteGo(parsing)}: ${problem}`);
}

const integerForm = /^([+-]?)(0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[1-9][\d_]*|0)$/u;
/** An underscore stands between digits, or between a prefix and a digit. */
const misplacedUnderscore = /__|_$|^[+-]?_/u;

/** `strconv.ParseInt(text, 0, 64)`. */
function parseInt64(text: string): bigint {
  const name = "StringToInt/ParseInt";
  const [, sign = "", digits = ""] = integerForm.exec(text) ?? [];
  if (digits === "" || misplacedUnderscore.test(digits)) throw failed(name, text, "invalid syntax");
  const bare = digits.replaceAll("_", "");
  const value = BigInt(/^0[0-7]+$/u.test(bare) ? `0o${bare.slice(1)}` : bare.toLowerCase());
  const signed = sign === "-" ? -value : value;
  if (BigInt.asIntN(64, signed) !== signed) throw failed(name, text, "value out of range");
  return signed;
}

const floatForm = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/u;
const namedFloats: Readonly<Record<string, number>> = { inf: Infinity, infinity: Infinity, nan: NaN };

function parseFloat64(text: string): number {
  const name = "StringToFloat/ParseFloat";
  const [, sign = "", word = ""] = /^([+-]?)(inf|infinity|nan)$/iu.exec(text) ?? [];
  const named = namedFloats[word.toLowerCase()];
  if (named !== undefined && !(Number.isNaN(named) && sign !== "")) return sign === "-" ? -named : named;
  if (!floatForm.test(text)) throw failed(name, text, "invalid syntax");
  const value = Number(text);
  if (!Number.isFinite(value)) throw failed(name, text, "value out of range");
  return value;
}

function parseBool(text: string): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw failed("StringToBool/ParseBool", text, "invalid syntax");
}

/** Powers of ten from which numbers are written with an exponent. */
const exponentFrom = 6;

/** `strconv.FormatFloat(value, 'g', -1, 64)`: the shortest digits, with an exponent where they would be many. */
function renderFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power >= -4 && power < exponentFrom) return String(value);
  return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
