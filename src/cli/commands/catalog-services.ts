/** Lists services. */
import { catalogNodeServices, catalogServices } from "../../client/catalog.ts";
import { clientFlags, connect, serverFlags, staleOption, tenancyFlags } from "../client-flags.ts";
import { renderTabs } from "../columns.ts";
import { defineCommand, orFail, takeArgument } from "../command.ts";
import { boolFlag, mapFlag, stringFlag } from "../flag-set.ts";

/** `catalog services` */
export const catalogServicesCommand = defineCommand({
  usage: "catalog services [options]",
  about: `Lists the services of a datacenter.

    $ {program} catalog services
    $ {program} catalog services -tags
    $ {program} catalog services -node=web-1
    $ {program} catalog services -node-meta="rack=7"`,
  flags: {
    ...clientFlags,
    ...serverFlags,
    ...tenancyFlags,
    node: stringFlag("Show only services of this node.", { valueName: "id or name" }),
    "node-meta": mapFlag(
      "Show only services of nodes with this metadata. Several of these flags must all match.",
      "key=value",
    ),
    tags: boolFlag("Show each service's tags beside it, with commas between them."),
  },
  run: async (context) => {
    const { flags } = context;
    takeArgument(context.args, "none");
    const client = await connect(context);
    const options = { nodeMeta: flags["node-meta"], ...staleOption(flags) };
    const services =
      flags.node === ""
        ? await orFail(catalogServices(client, options), (why) => `Error listing services: ${why}`)
        : await orFail(
            catalogNodeServices(client, flags.node, options),
            (why) => `Error listing services for node: ${why}`,
          );
    if (services === undefined || services.size === 0) {
      context.err("No services match the given query - try expanding your search.");
      return 0;
    }
    const names = [...services.keys()].sort();
    if (flags.tags) {
      const rows = names.map((name) => [name, [...(services.get(name) ?? [])].sort().join(",")]);
      context.out(renderTabs(rows, { padding: 6, widthMin: 0 }).trim());
    } else {
      for (const name of names) context.out(name);
    }
    return 0;
  },
});
