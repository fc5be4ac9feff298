/** Has the agent leave. */
import { agentLeave } from "../../client/agent.ts";
import { clientFlags, connect } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";

/** `leave` */
export const leaveCommand = defineCommand({
  usage: "leave [options]",
  about: "Has the agent tell its cluster that it leaves, and stop.",
  flags: clientFlags,
  run: async (context) => {
    if (context.args.length > 0) {
      throw new CommandFailure(`Error found unexpected args: [${context.args.join(" ")}]`, {
        helpTo: "stdout",
      });
    }
    const client = await connect(context);
    await orFail(agentLeave(client), (why) => `Error leaving: ${why}`);
    context.out("Graceful leave complete");
    return 0;
  },
});
