/**
 * Filter expressions as predicates: the selector and the value are checked against the shape of the values
 * once, so that judging a value cannot fail.
 *
 * Source: bexpr 0.1 as the 1.16 line uses it. Of a list of structs any element may satisfy a comparison. A
 * map without the selected key satisfies every comparison but `==`, `in` and `is not empty`.
 */
import { assert, unreachable } from "../../lib/assert.ts";
import { quoteGo } from "../../lib/go-quote.ts";
import { LinearRegexp } from "../../lib/regexp/linear-regexp.ts";
import type { Codec } from "../schema/codec.ts";
import type { Shape } from "../schema/shape.ts";
import { coerce } from "./coerce.ts";
import type { Expression, Match, Operator } from "./expression.ts";
import { FilterError } from "./filter-error.ts";
import { parseFilter } from "./parse.ts";

type Test = (value: unknown) => boolean;
type Primitive = Extract<Shape["kind"], "text" | "bool" | "int" | "uint" | "float">;

/** Compiles `expression` for the values of a struct's codec. Throws `FilterError`. */
export function compileFilter<T>(expression: string, codec: Codec<T>): (value: T) => boolean {
  assert(codec.shape?.kind === "struct", "filters are for structs");
  return compile(parseFilter(expression), codec.shape);
}

function compile(expression: Expression, shape: Shape): Test {
  switch (expression.kind) {
    case "and": {
      const tests = expression.parts.map((part) => compile(part, shape));
      return (value) => tests.every((test) => test(value));
    }
    case "or": {
      const tests = expression.parts.map((part) => compile(part, shape));
      return (value) => tests.some((test) => test(value));
    }
    case "not": {
      const test = compile(expression.part, shape);
      return (value) => !test(value);
    }
    case "match":
      return select(expression, shape, 0);
    default:
      return unreachable(expression);
  }
}

/** The test behind the selector's names from `depth` on. */
function select(match: Match, shape: Shape, depth: number): Test {
  const name = match.selector[depth];
  if (name === undefined) return leaf(match, shape);
  if (shape.kind === "list") {
    const item = shape.item.kind === "struct" ? select(match, shape.item, depth) : notValid(match, depth);
    return (value) => asList(value).some(item);
  }
  if (shape.kind === "struct") {
    const field = shape.fields.get(name) ?? notValid(match, depth);
    const inner = select(match, field, depth + 1);
    return (value) => (isRecord(value) ? inner(value[name]) : whenAbsent(match));
  }
  if (shape.kind !== "map") return notValid(match, depth);
  const inner = select(match, shape.value, depth + 1);
  return (value) => (isRecord(value) && Object.hasOwn(value, name) ? inner(value[name]) : whenAbsent(match));
}

function notValid({ selector }: Match, depth: number): never {
  throw new FilterError(`Selector ${quoteGo(selector.slice(0, depth + 1).join("."))} is not valid`);
}

/** What a comparison says of a key that is not there. `not matches` and `matches` both hold, as in the reference. */
function whenAbsent({ operator, negated }: Match): boolean {
  if (operator === "empty") return !negated;
  return operator === "matches" || negated;
}

function leaf(match: Match, shape: Shape): Test {
  const test = positive(match, shape);
  return match.negated ? (value) => !test(value) : test;
}

function positive(match: Match, shape: Shape): Test {
  const { operator } = match;
  switch (operator) {
    case "equal": {
      if (!isPrimitive(shape)) throw noOperator(match);
      const wanted = valueFor(match, shape.kind);
      return (value) => value === wanted;
    }
    case "matches": {
      if (shape.kind !== "text") throw noOperator(match);
      const regexp = regexpOf(match);
      return (value) => typeof value === "string" && regexp.test(value);
    }
    case "empty":
      if (shape.kind === "list") return (value) => asList(value).length === 0;
      if (shape.kind === "map") return (value) => !isRecord(value) || Object.keys(value).length === 0;
      throw noOperator(match);
    case "in":
      return membership(match, shape);
    default:
      return unreachable(operator);
  }
}

function membership(match: Match, shape: Shape): Test {
  const { value: wanted } = match;
  if (shape.kind === "text") return (value) => typeof value === "string" && value.includes(wanted);
  if (shape.kind === "map") return (value) => isRecord(value) && Object.hasOwn(value, wanted);
  if (shape.kind !== "list" || !isPrimitive(shape.item)) throw noOperator(match);
  const item = valueFor(match, shape.item.kind);
  return (value) => asList(value).includes(item);
}

function valueFor({ value, selector }: Match, kind: Primitive): string | number | boolean {
  const coerced = coerce(value, kind);
  if ("value" in coerced) return coerced.value;
  const place = quoteGo(selector.join("."));
  throw new FilterError(`Failed to coerce value ${quoteGo(value)} for selector ${place}: ${coerced.problem}`);
}

function regexpOf({ value }: Match): LinearRegexp {
  const regexp = LinearRegexp.compile(value);
  if ("problem" in regexp)
    throw new FilterError(`Failed to compile regular expression ${quoteGo(value)}: ${regexp.problem}`);
  return regexp;
}

const operatorNames: Readonly<Record<Operator, readonly [plain: string, negated: string]>> = {
  equal: ["Equal", "Not Equal"],
  in: ["In", "Not In"],
  empty: ["Is Empty", "Is Not Empty"],
  matches: ["Matches", "Not Matches"],
};

function noOperator({ operator, negated, selector }: Match): FilterError {
  const name = operatorNames[operator][negated ? 1 : 0];
  return new FilterError(
    `Invalid match operator ${quoteGo(name)} for selector ${quoteGo(selector.join("."))}`,
  );
}

function isPrimitive(shape: Shape): shape is { readonly kind: Primitive } {
  return shape.kind !== "list" && shape.kind !== "map" && shape.kind !== "struct";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}
