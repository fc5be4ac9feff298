/** Has the agent read its configuration again. */
import { agentReload } from "../../client/agent.ts";
import { clientFlags, connect } from "../client-flags.ts";
import { defineCommand, orFail } from "../command.ts";

/** `reload` */
export const reloadCommand = defineCommand({
  usage: "reload",
  about: "Has the agent read its configuration files again, like the signal SIGHUP.",
  flags: clientFlags,
  run: async (context) => {
    const client = await connect(context);
    await orFail(agentReload(client), (why) => `Error reloading: ${why}`);
    context.out("Configuration reload triggered");
    return 0;
  },
});
