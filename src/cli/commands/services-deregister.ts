/** Removes services from the agent, by ID or by the files that define them. */
import { agentDeregisterService } from "../../client/agent.ts";
import { clientFlags, connect, serverFlags, tenancyFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { stringFlag } from "../flag-set.ts";
import { readServiceFiles } from "../service-files.ts";

/** `services deregister` */
export const servicesDeregisterCommand = defineCommand({
  usage: "services deregister [options] [FILE...]",
  about: `Removes services from the local agent: those that configuration files define, or the one with
the ID given. Ask the agent that they are registered with.

    $ {program} services deregister web.json
    $ {program} services deregister -id=web`,
  flags: {
    ...clientFlags,
    ...serverFlags,
    ...tenancyFlags,
    id: stringFlag("ID of the service. Not together with files."),
  },
  run: async (context) => {
    const { args, flags } = context;
    if (args.length === 0 && flags.id === "") {
      throw new CommandFailure("Service deregistration requires at least one argument or -id.");
    }
    if (args.length > 0 && flags.id !== "") {
      throw new CommandFailure("Service deregistration requires arguments or -id, not both.");
    }
    const services = args.length === 0 ? [{ ID: flags.id, Name: "" }] : await readServiceFiles(context, args);
    const client = await connect(context);
    for (const service of services) {
      const id = (service.ID ?? "") === "" ? service.Name : (service.ID ?? "");
      if (id === "") continue;
      await orFail(
        agentDeregisterService(client, id),
        (why) => `Error deregistering service ${JSON.stringify(service.Name)}: ${why}`,
      );
      context.out(`Deregistered service: ${id}`);
    }
    return 0;
  },
});
