/** A regular expression as a tree. */

import { unreachable } from "../assert.ts";

/** Whether a code point belongs to a set. */
export type CodePointSet = (codePoint: number) => boolean;

export type Assertion = "textStart" | "textEnd" | "lineStart" | "lineEnd" | "wordBoundary" | "noWordBoundary";

export type RegexpNode =
  | { readonly kind: "set"; readonly has: CodePointSet }
  | { readonly kind: "assertion"; readonly what: Assertion }
  | { readonly kind: "sequence"; readonly items: readonly RegexpNode[] }
  | { readonly kind: "choice"; readonly items: readonly RegexpNode[] }
  /** What a group matched is remembered under its number, from 1 in the order of opening parentheses. */
  | { readonly kind: "group"; readonly number: number; readonly item: RegexpNode }
  /** `max` undefined: any number. Greedy ones prefer many. */
  | {
      readonly kind: "repeat";
      readonly item: RegexpNode;
      readonly min: number;
      readonly max: number | undefined;
      readonly greedy: boolean;
    };

/** Whether it can match without a character. */
export function isNullable(node: RegexpNode): boolean {
  switch (node.kind) {
    case "set":
      return false;
    case "assertion":
      return true;
    case "group":
      return isNullable(node.item);
    case "sequence":
      return node.items.every(isNullable);
    case "choice":
      return node.items.some(isNullable);
    case "repeat":
      return node.min === 0 || isNullable(node.item);
    default:
      return unreachable(node);
  }
}

/** The pattern is none, with Go's text after "error parsing regexp: ". */
export class RegexpRefusal extends Error {
  override readonly name = "RegexpRefusal";
}
