import type { Command } from "./command.ts";
import type { CliHost } from "./host.ts";
import type { RegistryEntry } from "./registry.ts";

/** The command behind an entry. */
export async function loadCommand(entry: RegistryEntry, host: CliHost): Promise<Command> {
  return (await entry.load()) ?? agentCommand(host);
}

async function agentCommand(host: CliHost): Promise<Command> {
  const help = (await host.agent.help()).trimEnd();
  return {
    helpOnly: false,
    help: () => help,
    run: (argv) => host.agent.run(argv, host),
  };
}
