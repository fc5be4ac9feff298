/** Bodies with members that no struct has are refused, as the reference's decoder does. */
import { DecodeError } from "../lib/errors.ts";
import { quoteGo } from "../lib/go-quote.ts";
import type { JsonValue } from "../wire/schema/codec.ts";
import { isJsonArray } from "../wire/schema/collections.ts";

/** The members of a struct, and what structs stand inside it. */
export interface KnownFields {
  readonly names: readonly string[];
  /** Member → the struct that it holds, alone or in a list. */
  readonly inside?: Readonly<Record<string, KnownFields>>;
}

/** Throws `DecodeError` for the first member that is not known. Letter case does not matter. */
export function assertKnownFields(value: JsonValue, known: KnownFields): void {
  if (value === null || typeof value !== "object") return;
  if (isJsonArray(value)) {
    for (const item of value) assertKnownFields(item, known);
    return;
  }
  for (const [given, member] of Object.entries(value)) {
    const name = known.names.find((one) => one.toLowerCase() === given.toLowerCase());
    if (name === undefined) throw new DecodeError(`json: unknown field ${quoteGo(given)}`);
    const inside = known.inside?.[name];
    if (inside !== undefined) assertKnownFields(member, inside);
  }
}
