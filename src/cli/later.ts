/**
 * Commands of the reference that this program knows but cannot run yet. They say so, rather than
 * pretend to be unknown: a script that meets one should fail with a reason.
 */
import { renderHelp, type Command } from "./command.ts";

/** What follows a command's words on the Usage line, where it is not "[options]". */
const usageTails: Readonly<Record<string, string>> = {
  "acl auth-method create": "-name NAME -type TYPE [options]",
  "acl auth-method delete": "-name NAME [options]",
  "acl auth-method read": "-name NAME [options]",
  "acl auth-method update": "-name NAME [options]",
  "acl binding-rule delete": "-id ID [options]",
  "acl binding-rule read": "-id ID [options]",
  "acl binding-rule update": "-id ID [options]",
  "acl policy create": "-name NAME [options]",
  "acl policy delete": "[options] -id POLICY",
  "acl policy read": "[options] POLICY",
  "acl role create": "-name NAME [options]",
  "acl role delete": "[options] -id ROLE",
  "acl role read": "[options] ROLE",
  "acl set-agent-token": "[options] TYPE TOKEN",
  "acl token delete": "[options] -accessor-id TOKEN",
  "acl token read": "[options] -accessor-id TOKENID",
  "config delete": "[options] -kind <config kind> -name <config name>",
  "config list": "[options] -kind <config kind>",
  "config read": "[options] -kind <config kind> -name <config name>",
  "config write": "[options] <configuration>",
  "connect envoy": "[options]",
  "intention check": "[options] SRC DST",
  "intention create": "[options] SRC DST",
  "intention delete": "[options] SRC DST",
  "intention get": "[options] SRC DST",
  "intention list": "",
  "intention match": "[options] SRC|DST",
  "peering delete": "[options] -name <peer name>",
  "peering establish": "[options] -name <peer name> -peering-token <token>",
  "peering generate-token": "[options] -name <peer name>",
  "peering read": "[options] -name <peer name>",
  "services export": "[options] -name <service name> -consumer-peers <other cluster name>",
};

/** The command behind the words `name`. */
export function laterCommand(name: string): Command {
  const page = {
    usage: `${name} ${usageTails[name] ?? "[options]"}`.trimEnd(),
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
