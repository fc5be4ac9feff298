/** Shows the agent's statistics. */
import { agentSelf } from "../../client/agent.ts";
import { toRecord } from "../../client/shape.ts";
import { clientFlags, connect } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";

/** `info` */
export const infoCommand = defineCommand({
  usage: "info [options]",
  about: "Shows the agent's statistics, for finding faults.",
  flags: clientFlags,
  run: async (context) => {
    const client = await connect(context);
    const self = await orFail(agentSelf(client), (why) => `Error querying agent: ${why}`);
    if (self["Stats"] === undefined) {
      throw new CommandFailure(`Agent response did not contain 'Stats' key: ${JSON.stringify(self)}`);
    }
    const stats = toRecord(self["Stats"]);
    for (const section of Object.keys(stats).sort()) {
      context.out(`${section}:`);
      const values = toRecord(stats[section], section);
      for (const name of Object.keys(values).sort()) context.out(`\t${name} = ${String(values[name])}`);
    }
    return 0;
  },
});
