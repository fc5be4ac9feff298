/** The consistency that a read had, which servers leave for its caller to say. */

interface Reply {
  readonly ConsistencyLevel?: string;
}
interface ReadRequest {
  readonly RequireConsistent?: boolean;
  readonly AllowStale?: boolean;
}

/** The reply, with its empty `ConsistencyLevel`, if it has one, filled by what was asked for. */
export function withConsistency<R>(reply: R, request: unknown): R {
  if (typeof reply !== "object" || (reply as Reply | null)?.ConsistencyLevel !== "") return reply;
  const { RequireConsistent, AllowStale } = request as ReadRequest;
  const ConsistencyLevel =
    RequireConsistent === true ? "consistent" : AllowStale === true ? "stale" : "leader";
  return { ...reply, ConsistencyLevel };
}
