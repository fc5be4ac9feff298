/** Services in the words of the web UI's list: how many instances, and how their checks stand. */
import type { Infer } from "../wire/schema/codec.ts";
import { list } from "../wire/schema/collections.ts";
import { bool, int, str } from "../wire/schema/scalars.ts";
import { field, struct } from "../wire/schema/struct.ts";
import type { CheckServiceNode } from "../wire/structs/catalog.ts";

const emptyJson = { omitEmptyJson: true } as const;

const GatewaySummary = struct("GatewayConfig", {
  AssociatedServiceCount: field(int, emptyJson),
  Addresses: field(list(str), emptyJson),
});

export const ServiceSummary = struct("ServiceListingSummary", {
  Kind: field(str, emptyJson),
  Name: str,
  Datacenter: str,
  Tags: list(str),
  Nodes: list(str),
  ExternalSources: list(str),
  InstanceCount: int,
  ChecksPassing: int,
  ChecksWarning: int,
  ChecksCritical: int,
  GatewayConfig: GatewaySummary,
  TransparentProxy: bool,
  ConnectNative: bool,
  PeerName: field(str, emptyJson),
  ConnectedWithProxy: bool,
  ConnectedWithGateway: bool,
});
export type ServiceSummary = Infer<typeof ServiceSummary>;

/** Where the sync from other systems says which one it is. */
const sourceKey = "external-source";

/** What is gathered of one service; a check that concerns several instances of a node counts once. */
class Gathered {
  kind = "";
  datacenter = "";
  instanceCount = 0;
  isNative = false;
  hasProxy = false;
  /** All proxies are transparent; `undefined` before there is one. */
  isTransparent: boolean | undefined;
  readonly tags = new Set<string>();
  readonly nodes = new Set<string>();
  readonly sources = new Set<string>();
  readonly statuses = new Map<string, string>();

  takeChecks({ Node: node, Checks: checks }: CheckServiceNode): void {
    for (const { CheckID, Status } of checks ?? [])
      this.statuses.set(`${node?.Node ?? ""}\u0000${CheckID}`, Status);
  }

  summary(Name: string): ServiceSummary {
    const count = (wanted: string): number =>
      [...this.statuses.values()].filter((status) => status === wanted).length;
    return ServiceSummary.make({
      Kind: this.kind,
      Name,
      Datacenter: this.datacenter,
      Tags: sortedOrNull(this.tags),
      Nodes: sortedOrNull(this.nodes),
      ExternalSources: this.sources.size === 0 ? null : [...this.sources],
      InstanceCount: this.instanceCount,
      ChecksPassing: count("passing"),
      ChecksWarning: count("warning"),
      ChecksCritical: count("critical"),
      TransparentProxy: this.isTransparent ?? false,
      ConnectNative: this.isNative,
      ConnectedWithProxy: this.hasProxy,
    });
  }
}

function sortedOrNull(names: ReadonlySet<string>): readonly string[] | null {
  return names.size === 0 ? null : [...names].toSorted();
}

/** One summary for each service, by name. The checks of a proxy count for its service too. */
export function summarize(instances: readonly CheckServiceNode[]): readonly ServiceSummary[] {
  const services = new Map<string, Gathered>();
  const of = (name: string): Gathered => {
    let known = services.get(name);
    if (known === undefined) services.set(name, (known = new Gathered()));
    return known;
  };
  for (const instance of instances) {
    const { Node: node, Service: service } = instance;
    if (node === null || service === null) continue;
    const own = of(service.Service);
    own.nodes.add(node.Node);
    own.kind = service.Kind;
    own.datacenter = node.Datacenter;
    own.instanceCount += 1;
    own.isNative ||= service.Connect.Native;
    for (const tag of service.Tags ?? []) own.tags.add(tag);
    const source = service.Meta?.[sourceKey] ?? "";
    if (source !== "") own.sources.add(source);
    own.takeChecks(instance);
    if (service.Kind !== "connect-proxy") continue;
    const target = of(service.Proxy.DestinationServiceName);
    target.hasProxy = true;
    target.takeChecks(instance);
    const isTransparent = service.Proxy.Mode === "transparent";
    target.isTransparent = isTransparent && (target.isTransparent ?? true);
  }
  return [...services.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, gathered]) => gathered.summary(name));
}
