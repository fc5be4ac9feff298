/** A regular expression as a tree. What only tells which match is preferred is dropped: these are asked yes or no. */

/** Whether a code point belongs to a set. */
export type CodePointSet = (codePoint: number) => boolean;

export type Assertion = "textStart" | "textEnd" | "lineStart" | "lineEnd" | "wordBoundary" | "noWordBoundary";

export type RegexpNode =
  | { readonly kind: "set"; readonly has: CodePointSet }
  | { readonly kind: "assertion"; readonly what: Assertion }
  | { readonly kind: "sequence"; readonly items: readonly RegexpNode[] }
  | { readonly kind: "choice"; readonly items: readonly RegexpNode[] }
  /** `max` undefined: any number. */
  | {
      readonly kind: "repeat";
      readonly item: RegexpNode;
      readonly min: number;
      readonly max: number | undefined;
    };

/** The pattern is none, with Go's text after "error parsing regexp: ". */
export class RegexpRefusal extends Error {
  override readonly name = "RegexpRefusal";
}
