/**
 * The program's entry: runs one command line. The agent and everything that only it needs is loaded when
 * asked for, so that the other commands start cold in tens of milliseconds.
 */
import { runCli } from "./cli/run.ts";
import { openCliHost } from "./runtime/cli-host.ts";
import { forgetRuntimeSettings } from "./runtime/runtime-settings.ts";

forgetRuntimeSettings(process.env);

const host = openCliHost({
  agent: {
    help: async () => (await import("./main/agent-command.ts")).agentHelp(),
    run: async (argv, cli) => (await import("./main/agent-command.ts")).runAgent(argv, cli),
  },
  config: {
    validate: async (paths, format) => (await import("./main/config-tools.ts")).validate(paths, format),
    services: async (paths) => (await import("./main/config-tools.ts")).services(paths),
  },
});

process.exitCode = await runCli(process.argv.slice(2), host);
// Nothing may hold the process open once its command is done: an idle keep-alive connection would.
process.exit();
