/** A parsed filter expression. `contains` is `in` with its sides swapped, so it has no operator of its own. */
export type Expression =
  | { readonly kind: "and" | "or"; readonly parts: readonly Expression[] }
  | { readonly kind: "not"; readonly part: Expression }
  | Match;

export type Operator = "equal" | "in" | "empty" | "matches";

/** One comparison of a selected value. */
export interface Match {
  readonly kind: "match";
  /** Names and map keys, outermost first; at least one. */
  readonly selector: readonly string[];
  readonly operator: Operator;
  /** Whether the operator was one of the `not` forms (`!=`, `not in`, …). */
  readonly negated: boolean;
  /** The other side as written, without its quotes; "" for `is empty`. */
  readonly value: string;
}
