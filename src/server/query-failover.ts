/**
 * Where a prepared query looks when nothing is healthy here: other datacenters and peers, one after another.
 *
 * The nearest datacenters come first, as many as the query says, then those it names, which are not tried twice.
 * Datacenters that nobody knows do not count. Source: the reference's queryFailover.
 */
import { ProconsulError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type {
  PreparedQuery,
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  QueryFailoverTarget,
} from "../wire/structs/prepared-query.ts";

export interface FailoverParts {
  readonly log: Log;
  readonly ownDatacenter: string;
  /** The other datacenters, the nearest first. */
  readonly others: readonly string[];
  /** Runs a query in the request's datacenter. Rejects with a `ProconsulError`. */
  execute(request: PreparedQueryExecuteRemoteRequest): Promise<PreparedQueryExecuteResponse>;
}

export interface FailoverQuestion {
  readonly query: PreparedQuery;
  readonly request: PreparedQueryExecuteRequest;
  /** What was found here: nobody. */
  readonly reply: PreparedQueryExecuteResponse;
}

/** The places to try, in order. */
export function failoverTargets(
  { Service: { Failover: failover } }: PreparedQuery,
  others: readonly string[],
): readonly QueryFailoverTarget[] {
  const nearest = others.slice(0, Math.max(0, failover.NearestN));
  const named =
    (failover.Datacenters ?? []).length > 0
      ? (failover.Datacenters ?? []).map((Datacenter) => ({ Datacenter, Peer: "" }))
      : (failover.Targets ?? []);
  return [
    ...nearest.map((Datacenter) => ({ Datacenter, Peer: "" })),
    ...named.filter(({ Datacenter, Peer }) => {
      if (Datacenter !== "" && !others.includes(Datacenter)) return false;
      return Peer !== "" || (Datacenter !== "" && !nearest.includes(Datacenter));
    }),
  ];
}

/** The first place's answer that has somebody, else the last; `Failovers` counts the places that were tried. */
export async function failOver(
  parts: FailoverParts,
  { query, request, reply }: FailoverQuestion,
): Promise<PreparedQueryExecuteResponse> {
  let found: PreparedQueryExecuteResponse = { ...reply, Nodes: null };
  let count = 0;
  for (const target of failoverTargets(query, parts.others)) {
    count += 1;
    const { QueryIDOrName: _, Source: _source, Agent: _agent, ...options } = request;
    const remote: PreparedQueryExecuteRemoteRequest = {
      ...options,
      Datacenter: target.Peer === "" ? target.Datacenter : parts.ownDatacenter,
      Query: { ...query, Service: { ...query.Service, Peer: target.Peer } },
    };
    try {
      found = await parts.execute(remote);
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      parts.log.warn("Failed querying for service in datacenter", {
        service: query.Service.Service,
        peerName: target.Peer,
        datacenter: remote.Datacenter,
        error: error.message,
      });
      found = { ...found, Nodes: null };
    }
    if ((found.Nodes ?? []).length > 0) break;
  }
  return { ...found, Failovers: count };
}
