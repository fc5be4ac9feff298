/** Declares a failed member to have left. */
import { agentForceLeave } from "../../client/agent.ts";
import { clientFlags, connect, partitionFlag } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { boolFlag } from "../flag-set.ts";

/** `force-leave` */
export const forceLeaveCommand = defineCommand({
  usage: "force-leave [options] name",
  about: `Puts a member into the "left" state, for failed nodes that will not come back. A member that
is alive after all joins again by itself.`,
  flags: {
    ...clientFlags,
    ...partitionFlag,
    prune: boolFlag("Forget the member at once instead of listing it as left."),
    wan: boolFlag("Only in the pool of servers of all datacenters."),
  },
  run: async (context) => {
    const { flags, args } = context;
    const [node] = args;
    if (node === undefined || args.length !== 1) {
      throw new CommandFailure("A single node name must be specified to force leave.", { helpTo: "stderr" });
    }
    const client = await connect(context);
    await orFail(
      agentForceLeave(client, node, { prune: flags.prune, wan: flags.wan }),
      (why) => `Error force leaving: ${why}`,
    );
    return 0;
  },
});
