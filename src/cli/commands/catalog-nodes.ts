/** Lists nodes. */
import { catalogNodes, catalogServiceNodes, type CatalogNode } from "../../client/catalog.ts";
import { clientFlags, connect, partitionFlag, serverFlags, staleOption } from "../client-flags.ts";
import { renderTable } from "../columns.ts";
import { defineCommand, orFail, takeArgument } from "../command.ts";
import { loadDataSource } from "../data-source.ts";
import { boolFlag, mapFlag, stringFlag } from "../flag-set.ts";

const header = ["Node", "ID", "Address", "DC"];

function renderMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${map[key]}`)
    .join(", ");
}

function row(node: CatalogNode, detailed: boolean): readonly string[] {
  if (!detailed) {
    const dash = node.ID.indexOf("-");
    return [node.Node, dash > 0 ? node.ID.slice(0, dash) : node.ID, node.Address, node.Datacenter];
  }
  const maps = [renderMap(node.TaggedAddresses), renderMap(node.Meta)];
  return [node.Node, node.ID, node.Address, node.Datacenter, ...maps];
}

/** `catalog nodes` */
export const catalogNodesCommand = defineCommand({
  usage: "catalog nodes [options]",
  about: `Lists the nodes of a datacenter.

    $ {program} catalog nodes
    $ {program} catalog nodes -detailed
    $ {program} catalog nodes -service=web
    $ {program} catalog nodes -node-meta="rack=7"
    $ {program} catalog nodes -near=node-web`,
  flags: {
    ...clientFlags,
    ...serverFlags,
    ...partitionFlag,
    filter: stringFlag("Expression that the agent filters nodes with."),
    detailed: boolFlag("Show whole IDs, tagged addresses and metadata."),
    near: stringFlag('Sort by estimated round trip from this node; "_agent" is the asked agent\'s.'),
    "node-meta": mapFlag(
      "Show only nodes with this metadata. Several of these flags must all match.",
      "key=value",
    ),
    service: stringFlag("Show only nodes that offer this service.", { valueName: "id or name" }),
  },
  run: async (context) => {
    const { flags, host } = context;
    takeArgument(context.args, "none");
    const client = await connect(context);
    const source = await loadDataSource(host, flags.filter, "Could not process filter argument: ");
    const options = {
      near: flags.near,
      nodeMeta: flags["node-meta"],
      filter: new TextDecoder().decode(source),
      ...staleOption(flags),
    };
    const nodes =
      flags.service === ""
        ? await orFail(catalogNodes(client, options), (why) => `Error listing nodes: ${why}`)
        : await orFail(
            catalogServiceNodes(client, flags.service, options),
            (why) => `Error listing nodes for service: ${why}`,
          );
    if (nodes.length === 0) {
      context.err("No nodes match the given query - try expanding your search.");
      return 0;
    }
    const head = flags.detailed ? [...header, "TaggedAddresses", "Meta"] : header;
    context.out(renderTable([head, ...nodes.map((node) => row(node, flags.detailed))]));
    return 0;
  },
});
