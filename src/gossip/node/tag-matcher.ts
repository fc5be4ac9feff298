/** Whether tags match the expressions of queries, which come from other members. */
import { translateRegexp } from "../../wire/filter/regexp.ts";

/** Expressions longer than this are none. */
const expressionLengthMax = 512;

/** Whether the text matches an RE2 expression anywhere; `undefined` if it is none. */
export function matchesTag(expression: string, text: string): boolean | undefined {
  if (expression.length > expressionLengthMax) return undefined;
  const translated = translateRegexp(expression);
  return "problem" in translated ? undefined : translated.regexp.test(text);
}
