/** `?filter` on the agent's own lists. */
import { compileFilter } from "../wire/filter/compile.ts";
import { FilterError } from "../wire/filter/filter-error.ts";
import type { Codec } from "../wire/schema/codec.ts";
import { map } from "../wire/schema/collections.ts";
import { int, str, uint } from "../wire/schema/scalars.ts";
import { struct } from "../wire/schema/struct.ts";
import { HealthCheck } from "../wire/structs/catalog.ts";
import { AgentService } from "./agent-json.ts";
import { HttpError, type RoutedRequest } from "./types.ts";

const Member = struct("Member", {
  Name: str,
  Addr: str,
  Port: uint,
  Tags: map(str),
  Status: int,
  ProtocolMin: uint,
  ProtocolMax: uint,
  ProtocolCur: uint,
  DelegateMin: uint,
  DelegateMax: uint,
  DelegateCur: uint,
});

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
    throw new HttpError(400, "Failed to create filter: filters are off");
  }
  return values.filter(compile(expression, kind));
}

/** The compiler of the agent's own lists. */
export const compileAgentFilter: FilterCompiler = (expression, kind) => {
  try {
    // The lists hold values of the codec that their kind names.
    return compileFilter(expression, codecs[kind] as Codec<object>);
  } catch (error) {
    if (error instanceof FilterError) throw new HttpError(400, error.message);
    throw error;
  }
};

const codecs = { service: AgentService, check: HealthCheck, member: Member } as const;
