/** Checks configuration files as the agent would read them. */
import { unreachable } from "../../lib/assert.ts";
import { CommandFailure, defineCommand } from "../command.ts";
import { boolFlag, stringFlag } from "../flag-set.ts";

/** `validate` */
export const validateCommand = defineCommand({
  usage: "validate [options] FILE_OR_DIRECTORY...",
  about: `Reads configuration files as the agent would, and reports what is wrong with them. Give it all
the files that the agent gets: a fragment alone does not pass. The exit code is 0 if the configuration
is valid and 1 if not.`,
  flags: {
    "config-format": stringFlag("Read all files as this format, whatever they are called: hcl or json."),
    quiet: boolFlag("Print nothing if the configuration is valid."),
  },
  flagErrorLine: (message) => message,
  run: async ({ host, flags, args, out, err }) => {
    if (args.length === 0) throw new CommandFailure("Must specify at least one config file or directory");
    const format = flags["config-format"];
    if (format !== "" && format !== "json" && format !== "hcl") {
      throw new CommandFailure("-config-format must be either 'hcl' or 'json");
    }
    const verdict = await host.config.validate(args, format);
    switch (verdict.kind) {
      case "valid":
        if (flags.quiet) return 0;
        for (const warning of verdict.warnings) err(warning);
        out("Configuration is valid!");
        return 0;
      case "invalid":
        throw new CommandFailure(`Config validation failed: ${verdict.problem}`);
      default:
        return unreachable(verdict);
    }
  },
});
