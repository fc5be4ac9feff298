/** Lists datacenters. */
import { catalogDatacenters } from "../../client/catalog.ts";
import { clientFlags, connect, serverFlags } from "../client-flags.ts";
import { defineCommand, orFail, takeArgument } from "../command.ts";

/** `catalog datacenters` */
export const catalogDatacentersCommand = defineCommand({
  usage: "catalog datacenters [options]",
  about: `Lists the known datacenters, nearest first.

    $ {program} catalog datacenters`,
  flags: { ...clientFlags, ...serverFlags },
  run: async (context) => {
    takeArgument(context.args, "none");
    const client = await connect(context);
    const datacenters = await orFail(
      catalogDatacenters(client),
      (why) => `Error listing datacenters: ${why}`,
    );
    for (const datacenter of datacenters) context.out(datacenter);
    return 0;
  },
});
