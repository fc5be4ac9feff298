/** Prepared queries, run for questions about `name.query.consul.`. Source: the reference's DNS server. */
import { DecodeError } from "../lib/errors.ts";
import { parseGoDurationMs } from "../lib/go-duration.ts";
import { parseIp, renderIp } from "../lib/ip.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { preparedQueryExecute } from "../wire/rpc/prepared-query-methods.ts";
import { QuerySource } from "../wire/structs/common.ts";
import {
  PreparedQueryExecuteRequest,
  type PreparedQueryExecuteResponse,
} from "../wire/structs/prepared-query.ts";
import { countStale, isTooStale, seconds, serviceTtl, type DnsSettings } from "./settings.ts";

/** What is asked for, and from where. */
export interface QueryQuestion {
  /** Id or name. */
  readonly query: string;
  readonly datacenter: string | undefined;
  /** Address of the client, or of the network that it is in. */
  readonly source: string;
}

/** Runs a query. Rejects with what the server answered. */
export async function executeQuery(
  { rpc, token, metrics }: { readonly rpc: Rpc; readonly token: () => string; readonly metrics: Metrics },
  settings: DnsSettings,
  { query, datacenter, source }: QueryQuestion,
): Promise<PreparedQueryExecuteResponse> {
  const ip = parseIp(source);
  const request = PreparedQueryExecuteRequest.make({
    Datacenter: datacenter ?? settings.datacenter,
    QueryIDOrName: query,
    Token: token(),
    AllowStale: settings.allowStale,
    Source: QuerySource.make({ Ip: ip === undefined ? "" : renderIp(ip) }),
    // Questions carry no wishes, so what is near is near this agent.
    Agent: QuerySource.make({ Datacenter: settings.datacenter, Node: settings.nodeName }),
  });
  const first = await rpc.call(preparedQueryExecute, request);
  if (!isTooStale(settings, first.LastContact)) {
    countStale(metrics, settings, first.LastContact);
    return first;
  }
  return rpc.call(preparedQueryExecute, { ...request, AllowStale: false });
}

/** Seconds that the answer may be kept: the query says so, else the settings of its service. */
export function queryTtl(settings: DnsSettings, { DNS, Service }: PreparedQueryExecuteResponse): number {
  if (DNS.TTL === "") return serviceTtl(settings, Service);
  try {
    return seconds(parseGoDurationMs(DNS.TTL));
  } catch (error) {
    // Servers refuse such a text; one that came some other way is none.
    if (error instanceof DecodeError) return 0;
    throw error;
  }
}
