/** Has the agent join a cluster. */
import { agentJoin } from "../../client/agent.ts";
import { ProconsulError } from "../../lib/errors.ts";
import { clientFlags, connect, partitionFlag } from "../client-flags.ts";
import { CommandFailure, defineCommand } from "../command.ts";
import { boolFlag } from "../flag-set.ts";

/** `join` */
export const joinCommand = defineCommand({
  usage: "join [options] address ...",
  about: "Has the running agent join a cluster by the address of one or more of its members.",
  flags: {
    ...clientFlags,
    ...partitionFlag,
    wan: boolFlag("Join the pool of servers of all datacenters."),
  },
  run: async (context) => {
    if (context.args.length === 0) {
      throw new CommandFailure("At least one address to join must be specified.", { helpTo: "stderr" });
    }
    const client = await connect(context);
    let joined = 0;
    for (const address of context.args) {
      try {
        await agentJoin(client, address, { wan: context.flags.wan });
        joined += 1;
      } catch (error) {
        // One address that does not answer must not keep the others from being tried.
        if (!(error instanceof ProconsulError)) throw error;
        context.err(`Error joining address '${address}': ${error.message}`);
      }
    }
    if (joined === 0) throw new CommandFailure("Failed to join any nodes.");
    context.out(`Successfully joined cluster by contacting ${joined} nodes.`);
    return 0;
  },
});
