import { DecodeError } from "../../lib/errors.ts";

/** How the text of every `FilterError` begins; peers pass errors on as text, so doors know them by it. */
export const filterErrorPrefix = "Failed to create boolean expression evaluator: ";

/** A filter expression that cannot be read, or that does not fit the values it is meant for. */
export class FilterError extends DecodeError {
  constructor(why: string, options?: ErrorOptions) {
    super(filterErrorPrefix + why, options);
  }
}
