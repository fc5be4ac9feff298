/** Counts what is registered. */
import { serviceUsage, type ServiceUsage } from "../../client/operator.ts";
import { clientFlags, connect, serverFlags } from "../client-flags.ts";
import { renderTabs } from "../columns.ts";
import { CommandFailure, defineCommand, orFail, takeArgument } from "../command.ts";
import { boolFlag } from "../flag-set.ts";

type Usage = ReadonlyMap<string, ServiceUsage>;

/** `operator usage instances` */
export const usageInstancesCommand = defineCommand({
  usage: "operator usage instances [options]",
  about: `Counts the services, service instances and nodes of a datacenter: the agent's own, or all.

    $ {program} operator usage instances
    $ {program} operator usage instances -billable
    $ {program} operator usage instances -connect`,
  flags: {
    ...clientFlags,
    ...serverFlags,
    billable: boolFlag("Show only what counts for billing elsewhere. Excludes -connect."),
    connect: boolFlag("Show only instances that are part of the mesh. Excludes -billable."),
    "all-datacenters": boolFlag("Count in all datacenters."),
  },
  run: async (context) => {
    const { billable, connect: mesh, "all-datacenters": global } = context.flags;
    takeArgument(context.args, "none");
    if (billable && mesh) throw new CommandFailure("Cannot specify both -billable and -connect flags");
    const client = await connect(context);
    const usage = await orFail(
      serviceUsage(client, { global }),
      (why) => `Error fetching usage information: ${why}`,
    );
    const sorted: Usage = new Map([...usage].sort(([a], [b]) => (a < b ? -1 : 1)));
    if (!mesh) for (const part of billableParts(sorted, global)) context.out(part);
    if (!billable) {
      context.out("Connect Services");
      context.out(meshTable(sorted, global));
    }
    return 0;
  },
});

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function billableParts(usage: Usage, global: boolean): readonly string[] {
  const total = sum([...usage.values()].map((one) => one.BillableServiceInstances));
  const lines = [...usage].map(
    ([datacenter, one]) => `${datacenter} Billable Service Instances: ${one.BillableServiceInstances}`,
  );
  return [
    `Billable Service Instances Total: ${total}`,
    ...lines.sort(),
    "\nBillable Services",
    `${billableTable(usage, global)}\n`,
    "\nNodes",
    `${nodeTable(usage)}\n\n`,
  ];
}

function table(rows: readonly (readonly string[])[]): string {
  return renderTabs(rows, { padding: 6, widthMin: 0 }).trim();
}

function billableTable(usage: Usage, global: boolean): string {
  const counts = [...usage].map(([datacenter, one]) => ({
    datacenter,
    services: one.Services,
    instances: one.BillableServiceInstances,
  }));
  const rows = [
    ["Services", "Service instances"],
    ...counts.map(({ services, instances }) => [String(services), String(instances)]),
  ];
  if (!global) return table(rows);
  const total = [sum(counts.map(({ services }) => services)), sum(counts.map(({ instances }) => instances))];
  const datacenters = ["Datacenter", ...counts.map(({ datacenter }) => datacenter)];
  return table([
    ...rows.map((row, at) => [datacenters[at] ?? "", ...row]),
    ["", "", ""],
    ["Total", ...total.map(String)],
  ]);
}

function meshTable(usage: Usage, global: boolean): string {
  const counts = [...usage].flatMap(([datacenter, one]) =>
    [...one.ConnectServiceInstances]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([kind, instances]) => ({ datacenter, kind, instances })),
  );
  const lead = (datacenter: string): readonly string[] => (global ? [datacenter] : []);
  const total = String(sum(counts.map(({ instances }) => instances)));
  return table([
    [...lead("Datacenter"), "Type", "Service instances"],
    ...counts.map(({ datacenter, kind, instances }) => [...lead(datacenter), kind, String(instances)]),
    ...(global
      ? [
          ["", "", ""],
          ["Total", "", total],
        ]
      : []),
  ]);
}

function nodeTable(usage: Usage): string {
  const rows = [...usage].map(([datacenter, one]) => [datacenter, String(one.Nodes)]);
  const total = String(sum([...usage.values()].map((one) => one.Nodes)));
  // The heading's own tabs are the reference's.
  return table([["Datacenter", "Count", "", ""], ...rows, ["", ""], ["Total", total]]);
}
