/** Whether tags match the expressions of queries, which come from other members. */
import { LinearRegexp } from "../../lib/regexp/linear-regexp.ts";

/** Expressions longer than this are none. */
const expressionLengthMax = 512;

/** Whether the text matches an RE2 expression anywhere; `undefined` if it is none. */
export function matchesTag(expression: string, text: string): boolean | undefined {
  if (expression.length > expressionLengthMax) return undefined;
  const regexp = LinearRegexp.compile(expression);
  return "problem" in regexp ? undefined : regexp.test(text);
}
