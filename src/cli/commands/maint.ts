/** Turns maintenance mode on and off, and shows it. */
import { agentChecks, agentIdentity, agentMaintenance } from "../../client/agent.ts";
import type { HttpClient } from "../../client/http-client.ts";
import { clientFlags, connect } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { boolFlag, stringFlag } from "../flag-set.ts";

async function show(client: HttpClient, out: (line: string) => void): Promise<void> {
  const { nodeName } = await orFail(agentIdentity(client), (why) => `Error querying Consul agent: ${why}`);
  const checks = await orFail(agentChecks(client), (why) => `Error getting checks: ${why}`);
  for (const check of checks) {
    if (check.CheckID === "_node_maintenance") {
      out(`Node:\n  Name:   ${nodeName}\n  Reason: ${check.Notes}\n`);
    } else if (check.CheckID.startsWith("_service_maintenance:")) {
      out(`Service:\n  ID:     ${check.ServiceID}\n  Reason: ${check.Notes}\n`);
    }
  }
}

/** `maint` */
export const maintCommand = defineCommand({
  usage: "maint [options]",
  about: `Puts the agent's node, or one of its services, into maintenance mode: a critical check takes it
out of DNS and of the API's healthy answers. The mode outlives a restart of the agent, so it has to be
turned off again. Without flags, shows what is in maintenance mode.`,
  flags: {
    ...clientFlags,
    enable: boolFlag("Turn maintenance mode on."),
    disable: boolFlag("Turn maintenance mode off."),
    reason: stringFlag("Why, shown as the notes of the check."),
    service: stringFlag("ID of a service, instead of the whole node."),
  },
  run: async (context) => {
    const { enable, disable, reason, service } = context.flags;
    if (enable && disable) {
      throw new CommandFailure("Only one of -enable or -disable may be provided");
    }
    if (!enable && reason !== "") throw new CommandFailure("Reason may only be provided with -enable");
    if (!enable && !disable && service !== "") {
      throw new CommandFailure("Service requires either -enable or -disable");
    }
    const client = await connect(context);
    if (!enable && !disable) {
      await show(client, context.out);
      return 0;
    }
    const what = service === "" ? "node" : "service";
    const target = service === "" ? {} : { serviceId: service };
    await orFail(
      agentMaintenance(client, { enable, reason, ...target }),
      (why) => `Error ${enable ? "enabling" : "disabling"} ${what} maintenance: ${why}`,
    );
    const state = enable ? "enabled" : "disabled";
    context.out(
      service === ""
        ? `Node maintenance is now ${state}`
        : `Service maintenance is now ${state} for ${JSON.stringify(service)}`,
    );
    return 0;
  },
});
