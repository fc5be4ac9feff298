/** The catalog at a glance: nodes, instances by service and checks by name, by how they are. */
import type { CatalogSummary, HealthSummary } from "../wire/structs/dump.ts";
import { nodeOfRowKey } from "./catalog-rows.ts";
import type { StateStore } from "./store.ts";

/** Statuses from good to bad; the worst of several decides. */
const statuses = ["passing", "warning", "critical"] as const;
type Status = (typeof statuses)[number];

/** Counts everything: O(size of the catalog). Lists are `null` where there is nothing. */
export function catalogOverview({ tables }: StateStore): CatalogSummary {
  const worst = new Map<string, Status>();
  const checks = new Summaries();
  for (const [key, check] of tables.checks.entries()) {
    checks.count(check.Name, check.Status);
    const owner = ownerKey(nodeOfRowKey(key), check.ServiceID);
    const status = statuses.find((one) => one === check.Status);
    if (status !== undefined) worst.set(owner, worse(worst.get(owner), status));
  }
  const services = new Summaries();
  for (const [key, { ID, Service }] of tables.services.entries())
    services.count(Service, worst.get(ownerKey(nodeOfRowKey(key), ID)) ?? "passing");
  const nodes = new Summaries();
  for (const [key] of tables.nodes.entries()) nodes.count("", worst.get(ownerKey(key, "")) ?? "passing");
  return { Nodes: nodes.list(), Services: services.list(), Checks: checks.list() };
}

/** A node, or with an id one of its instances. */
function ownerKey(node: string, serviceId: string): string {
  return `${node}\u0000${serviceId}`;
}

function worse(known: Status | undefined, status: Status): Status {
  if (known === undefined) return status;
  return statuses.indexOf(known) > statuses.indexOf(status) ? known : status;
}

class Summaries {
  readonly #byName = new Map<string, HealthSummary>();

  count(name: string, status: string): void {
    const known = this.#byName.get(name) ?? { Name: name, Total: 0, Passing: 0, Warning: 0, Critical: 0 };
    this.#byName.set(name, {
      ...known,
      Total: known.Total + 1,
      Passing: known.Passing + Number(status === "passing"),
      Warning: known.Warning + Number(status === "warning"),
      Critical: known.Critical + Number(status === "critical"),
    });
  }

  /** By name; `null` for none. */
  list(): readonly HealthSummary[] | null {
    if (this.#byName.size === 0) return null;
    return [...this.#byName.values()].toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
  }
}
