/** Fires a user event. */
import { agentIdentity } from "../../client/agent.ts";
import { eventFire } from "../../client/event.ts";
import { clientFlags, connect } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { stringFlag } from "../flag-set.ts";
import { compileRegexp } from "../go-regexp.ts";

/** `event` */
export const eventCommand = defineCommand({
  usage: "event [options] [payload]",
  about: `Sends a user event through the datacenter. It has a name and may have a payload; regular
expressions on node, service and tag narrow who gets it.`,
  flags: {
    ...clientFlags,
    name: stringFlag("Name of the event."),
    node: stringFlag("Regular expression that node names must match."),
    service: stringFlag("Regular expression that a service of the node must match."),
    tag: stringFlag("Regular expression that a tag of that service must match; needs -service."),
  },
  run: async (context) => {
    const { flags, args } = context;
    if (flags.name === "") throw new CommandFailure("Event name must be specified", { helpTo: "stderr" });
    if (flags.node !== "") compileRegexp(flags.node, "node filter");
    if (flags.service !== "") compileRegexp(flags.service, "service filter");
    if (flags.tag !== "") compileRegexp(flags.tag, "tag filter");
    if (flags.tag !== "" && flags.service === "") {
      throw new CommandFailure("Cannot provide tag filter without service filter.");
    }
    if (args.length > 1) {
      throw new CommandFailure("Too many command line arguments.", { helpTo: "stderr" });
    }
    const [payload] = args;
    const client = await connect(context);
    // A first call tells an unreachable agent from an event that it refuses.
    await orFail(agentIdentity(client), (why) => `Error querying Consul agent: ${why}`);
    const id = await orFail(
      eventFire(client, {
        name: flags.name,
        payload: payload === undefined ? undefined : new TextEncoder().encode(payload),
        nodeFilter: flags.node,
        serviceFilter: flags.service,
        tagFilter: flags.tag,
      }),
      (why) => `Error firing event: ${why}`,
    );
    context.out(`Event ID: ${id}`);
    return 0;
  },
});
