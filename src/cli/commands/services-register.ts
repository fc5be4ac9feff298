/** Registers services with the agent, from files or from flags. */
import { agentRegisterService } from "../../client/agent.ts";
import type { JsonRecord } from "../../client/shape.ts";
import { clientFlags, connect, serverFlags, tenancyFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { intFlag, listFlag, mapFlag, stringFlag, type FlagValues } from "../flag-set.ts";
import { readServiceFiles, toRegistration } from "../service-files.ts";

const flags = {
  ...clientFlags,
  ...serverFlags,
  ...tenancyFlags,
  id: stringFlag("ID of the service; its name if absent."),
  name: stringFlag("Name of the service. Without it, files are read."),
  address: stringFlag("Address of the service; the node's if absent."),
  port: intFlag("Port of the service."),
  socket: stringFlag("Unix socket of the service, instead of address and port."),
  meta: mapFlag("Metadata of the service, as key=value. May be given several times."),
  tag: listFlag("Tag of the service. May be given several times."),
  "tagged-address": mapFlag(
    "Further address of the service, as name=address:port. May be given several times.",
  ),
  kind: stringFlag("Kind of the service, such as connect-proxy."),
};

/** `host:port`, or a host alone, as the reference splits it. */
function parseServiceAddress(text: string): { readonly Address: string; readonly Port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/u.exec(text);
  if (match !== null) return { Address: match[1] ?? match[2] ?? "", Port: Number(match[3]) };
  if (!text.includes(":")) return { Address: text, Port: 0 };
  throw new CommandFailure(`Invalid Tagged Address: address ${text}: invalid port or too many colons`);
}

function unlessEmpty<Value>(name: string, value: Value, empty: boolean): JsonRecord {
  return empty ? {} : { [name]: value };
}

function fromFlags(values: FlagValues<typeof flags>): JsonRecord {
  const tagged = Object.entries(values["tagged-address"]).map(
    ([name, text]) => [name, parseServiceAddress(text)] as const,
  );
  return {
    Name: values.name,
    ...unlessEmpty("Kind", values.kind, values.kind === ""),
    ...unlessEmpty("ID", values.id, values.id === ""),
    ...unlessEmpty("Address", values.address, values.address === ""),
    ...unlessEmpty("Port", values.port, values.port === 0),
    ...unlessEmpty("SocketPath", values.socket, values.socket === ""),
    ...unlessEmpty("Tags", values.tag, values.tag.length === 0),
    ...unlessEmpty("Meta", values.meta, Object.keys(values.meta).length === 0),
    ...unlessEmpty("TaggedAddresses", Object.fromEntries(tagged), tagged.length === 0),
    ...unlessEmpty("Namespace", values.namespace, (values.namespace ?? "") === ""),
    ...unlessEmpty("Partition", values.partition, (values.partition ?? "") === ""),
  };
}

/** `services register` */
export const servicesRegisterCommand = defineCommand({
  usage: "services register [options] [FILE...]",
  about: `Registers services with the local agent: those that configuration files define, or one that
the flags describe. They stay registered until "{program} services deregister" removes them.

    $ {program} services register web.json
    $ {program} services register -name=web -port=8080`,
  flags,
  run: async (context) => {
    const { args, flags: values } = context;
    const single = fromFlags(values);
    if (args.length === 0 && values.name === "") {
      throw new CommandFailure("Service registration requires at least one argument or flags.");
    }
    if (args.length > 0 && values.name !== "") {
      throw new CommandFailure("Service registration requires arguments or -id, not both.");
    }
    const registrations =
      args.length === 0 ? [single] : (await readServiceFiles(context, args)).map(toRegistration);
    const client = await connect(context);
    for (const registration of registrations) {
      const name = String(registration["Name"]);
      await orFail(
        agentRegisterService(client, registration),
        (why) => `Error registering service ${JSON.stringify(name)}: ${why}`,
      );
      context.out(`Registered service: ${name}`);
    }
    return 0;
  },
});
