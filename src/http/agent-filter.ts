/** `?filter` on the agent's own lists. */
import { HttpError, type RoutedRequest } from "./types.ts";

/** Compiles a filter expression for values of a kind. Throws `HttpError` 400 for one that does not fit. */
export type FilterCompiler = (
  expression: string,
  kind: "service" | "check" | "member",
) => (value: object) => boolean;

/** The values that a request's filter lets through. */
export function filtered<T extends object>(
  request: RoutedRequest,
  compile: FilterCompiler | undefined,
  { kind, values }: { readonly kind: "service" | "check" | "member"; readonly values: readonly T[] },
): readonly T[] {
  const expression = request.query.get("filter");
  if (expression === "") return values;
  if (compile === undefined) {
    throw new HttpError(
      400,
      "Failed to create filter: ?filter is not supported yet by this version of Proconsul",
    );
  }
  return values.filter(compile(expression, kind));
}
