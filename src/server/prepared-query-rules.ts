/** What a prepared query must be before it is proposed. Source: the reference's parseQuery, whose texts these are. */
import { DecodeError } from "../lib/errors.ts";
import { parseGoDuration } from "../lib/go-duration.ts";
import { metaProblem } from "../state/service-meta.ts";
import type { PreparedQuery, ServiceQuery } from "../wire/structs/prepared-query.ts";
import { redactedToken } from "./prepared-query-access.ts";

/** What is wrong with a query, or `undefined`. Its name and its template are for the state to judge. */
export function preparedQueryProblem(query: PreparedQuery): string | undefined {
  if (query.Name === "" && query.Template.Type === "" && query.Session === "")
    return "Must be bound to a session";
  if (query.Token === redactedToken) {
    const why = "it looks like a query definition with a redacted token was submitted";
    return `Bad Token '${redactedToken}', ${why}`;
  }
  return serviceProblem(query.Service) ?? ttlProblem(query.DNS.TTL);
}

function serviceProblem(service: ServiceQuery): string | undefined {
  if (service.Service === "") return "Must provide a Service name to query";
  const { NearestN, Datacenters, Targets } = service.Failover;
  if (NearestN < 0) return `Bad NearestN '${NearestN}', must be >= 0`;
  if ((NearestN !== 0 || (Datacenters ?? []).length > 0) && (Targets ?? []).length > 0)
    return "Targets cannot be populated with NearestN or Datacenters";
  const problem = metaProblem(service.NodeMeta, () => true);
  if (problem !== undefined) return problem;
  return service.SamenessGroup === "" ? undefined : "sameness-groups are an enterprise-only feature";
}

function ttlProblem(ttl: string): string | undefined {
  if (ttl === "") return undefined;
  try {
    const ns = parseGoDuration(ttl);
    return ns < 0n ? `DNS TTL '${ns}', must be >=0` : undefined;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return `Bad DNS TTL '${ttl}': ${error.message}`;
  }
}
