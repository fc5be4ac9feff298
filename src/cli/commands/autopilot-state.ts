/** Shows how autopilot sees the servers. */
import { autopilotState } from "../../client/operator.ts";
import { clientFlags, connect, serverFlags, staleOption } from "../client-flags.ts";
import { renderAutopilotState } from "../autopilot-text.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { stringFlag } from "../flag-set.ts";
import { operatorCommand } from "../operator-command.ts";

/** `operator autopilot state` */
export const autopilotStateCommand = defineCommand({
  usage: "operator autopilot state [options]",
  about: "Shows which servers autopilot knows, and how healthy it finds them.",
  flags: {
    ...clientFlags,
    ...serverFlags,
    format: stringFlag("Output format {pretty|json}", { initial: "pretty" }),
  },
  flagErrorLine: operatorCommand.flagErrorLine,
  run: async (context) => {
    const { format } = context.flags;
    const client = await connect(context, operatorCommand.connectFailure);
    const state = await orFail(
      autopilotState(client, staleOption(context.flags)),
      (why) => `Error querying Autopilot state: ${why}`,
    );
    if (format !== "pretty" && format !== "json") throw new CommandFailure(`Unknown format: ${format}`);
    context.out(format === "json" ? JSON.stringify(state, null, 4) : renderAutopilotState(state));
    return 0;
  },
});
