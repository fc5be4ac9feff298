/** What a server reports of itself now and then: sizes of the state, members, log positions, leases. */
import type { ServerContext } from "./context.ts";
import { serverMembers } from "./known-servers.ts";
import { countUsage } from "./operator.ts";

/** As often as the metrics' intervals end. */
const reportMs = 10_000;

/** Reports until disposed. `leases` counts the sessions with a TTL that this leader watches. */
export function reportUsage(context: ServerContext, leases: () => number): Disposable {
  let timer: Disposable;
  const again = (): void => {
    report(context, leases());
    timer = context.clock.after(reportMs, again);
  };
  timer = context.clock.after(reportMs, again);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

function report({ metrics, settings, store, pool, consensus }: ServerContext, leases: number): void {
  const labels = [{ name: "datacenter", value: settings.datacenter }];
  const usage = countUsage(store);
  metrics.gauge("state.nodes", usage.Nodes, labels);
  metrics.gauge("state.services", usage.Services, labels);
  metrics.gauge("state.service_instances", usage.ServiceInstances, labels);
  metrics.gauge("state.billable_service_instances", usage.BillableServiceInstances, labels);
  metrics.gauge("state.kv_entries", store.tables.kvs.size, labels);
  for (const [kind, count] of Object.entries(usage.ConnectServiceInstances ?? {})) {
    metrics.gauge("state.connect_instances", count, [...labels, { name: "kind", value: kind }]);
  }
  const alive = pool.members().filter(({ status }) => status === "alive").length;
  const servers = serverMembers(pool).filter(({ member }) => member.status === "alive").length;
  metrics.gauge("members.servers", servers, labels);
  metrics.gauge("members.clients", alive - servers, labels);
  const status = consensus.status();
  metrics.gauge("raft.applied_index", status.appliedIndex);
  metrics.gauge("raft.last_index", status.lastIndex);
  metrics.gauge("raft.peers", status.servers.length);
  if (status.role === "leader") metrics.gauge("session_ttl.active", leases);
}
