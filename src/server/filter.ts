/** `Filter` of reads: the user's expression, applied to rows before they are answered. */
import type { Codec } from "../wire/schema/codec.ts";
import { compileFilter } from "../wire/filter/compile.ts";
import { FilterError } from "../wire/filter/filter-error.ts";
import { RpcError } from "../wire/rpc/method.ts";

/** Whether a request's filter lets a row through; `undefined` when it asks for no filter. */
export type RowFilter<T> = ((row: T) => boolean) | undefined;

/** Compiles the filter of a request for rows of `codec`. Throws `RpcError` for a faulty one. */
export function rowFilter<T>({ Filter: text }: { readonly Filter: string }, codec: Codec<T>): RowFilter<T> {
  if (text === "") return undefined;
  try {
    return compileFilter(text, codec);
  } catch (error) {
    if (error instanceof FilterError) throw new RpcError(error.message, { cause: error });
    throw error;
  }
}

/**
 * The rows that pass: the same array without a filter, and a new one with it, since what is kept in the
 * query cache is shared by callers who filter and callers who do not.
 */
export function passing<T>(rows: readonly T[], filter: RowFilter<T>): readonly T[] {
  return filter === undefined ? rows : rows.filter(filter);
}
