/**
 * The other datacenters, as prepared queries see them: by distance, and through any living server of each.
 *
 * How far a datacenter is, is the median over its servers of the distance from this one; what cannot be measured is
 * farthest, and names decide among equals. Source: the reference's router.
 */
import { noPathToDatacenter } from "../wire/rpc/error-text.ts";
import { RpcError } from "../wire/rpc/method.ts";
import type { ServerInfo } from "../wire/gossip/agent-tags.ts";
import type {
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteResponse,
} from "../wire/structs/prepared-query.ts";
import type { QueryDatacenters } from "./context.ts";
import type { WideAreaPool } from "./datacenter-maps.ts";
import { serverMembers } from "./known-servers.ts";
import { distanceSeconds } from "./near.ts";

/** Calls PreparedQuery.ExecuteRemote of a server. Rejects with a `ProconsulError`. */
export type RemoteQuery = (
  server: ServerInfo,
  request: PreparedQueryExecuteRemoteRequest,
) => Promise<PreparedQueryExecuteResponse>;

export interface QueryDatacentersParts {
  readonly wan: WideAreaPool;
  readonly ownDatacenter: string;
  /** This server's name in the wide-area pool. */
  readonly ownMember: string;
  readonly call: RemoteQuery;
  /** Uniform integer below `limit`. */
  readonly random: (limit: number) => number;
}

export function queryDatacenters(parts: QueryDatacentersParts): QueryDatacenters {
  const { wan, ownDatacenter, call, random } = parts;
  return {
    byDistance: () =>
      [...distances(parts)]
        .filter(([name]) => name !== ownDatacenter)
        .sort(([a, near], [b, far]) => (near === far ? (a < b ? -1 : 1) : near - far))
        .map(([name]) => name),
    execute: async (request) => {
      const alive = serverMembers(wan.pool).filter(
        ({ member, info }) => member.status === "alive" && info.datacenter === request.Datacenter,
      );
      const chosen = alive[random(Math.max(1, alive.length))];
      if (chosen === undefined) throw new RpcError(noPathToDatacenter);
      return call(chosen.info, request);
    },
  };
}

/** Seconds, by datacenter. */
function distances({ wan, ownMember }: QueryDatacentersParts): ReadonlyMap<string, number> {
  const own = wan.coordinateOf(ownMember);
  const measured = new Map<string, number[]>();
  for (const { member, info } of serverMembers(wan.pool)) {
    if (member.status === "left") continue;
    const other = wan.coordinateOf(member.name);
    const isKnown = own !== undefined && own !== null && other !== undefined && other !== null;
    const distance = isKnown ? distanceSeconds(own, other) : Number.POSITIVE_INFINITY;
    measured.set(info.datacenter, [...(measured.get(info.datacenter) ?? []), distance]);
  }
  return new Map([...measured].map(([name, all]) => [name, median(all)]));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => (a === b ? 0 : a - b))[Math.floor(values.length / 2)] ?? 0;
}
