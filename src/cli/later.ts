/**
 * Commands of the reference that this program knows but cannot run yet. They say so, rather than
 * pretend to be unknown: a script that meets one should fail with a reason.
 */
import { renderHelp, type Command } from "./command.ts";

/** What follows a command's words on the Usage line, where it is not "[options]". */
const usageTails: Readonly<Record<string, string>> = {
  "acl auth-method delete": "[options] METHOD",
  "acl auth-method read": "[options] METHOD",
  "acl auth-method update": "[options] METHOD",
  "acl policy delete": "[options] POLICY",
  "acl policy read": "[options] POLICY",
  "acl set-agent-token": "[options] TYPE TOKEN",
  "config delete": "[options] -kind <config kind> -name <config name>",
  "config list": "[options] -kind <config kind>",
  "config read": "[options] -kind <config kind> -name <config name>",
  "config write": "[options] <configuration>",
  "connect envoy": "[options]",
  "intention check": "[options] SRC DST",
  "intention create": "[options] SRC DST",
  "intention delete": "[options] SRC DST",
  "intention get": "[options] SRC DST",
  "intention match": "[options] SRC|DST",
};

/** The command behind the words `name`. */
export function laterCommand(name: string): Command {
  const page = {
    usage: `${name} ${usageTails[name] ?? "[options]"}`,
    about: "Not available yet: this version cannot run this command.",
    flags: {},
  };
  return {
    helpOnly: false,
    help: (programName) => renderHelp(page, programName),
    run: async (_argv, host) => {
      host.stderr.write(`"${host.programName} ${name}" is not available yet\n`);
      return 1;
    },
  };
}
