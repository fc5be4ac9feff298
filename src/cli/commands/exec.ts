/** Would run a command on many nodes. Refused: see `docs/differences.md`. */
import { agentSelf } from "../../client/agent.ts";
import { boolField, toRecord } from "../../client/shape.ts";
import { clientFlags, connect, serverFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { boolFlag, durationFlag, stringFlag } from "../flag-set.ts";
import { compileRegexp } from "../go-regexp.ts";

/** `exec` */
export const execCommand = defineCommand({
  usage: "exec [options] [-|command...]",
  about: `Would run a command on the nodes of the cluster. It is refused: agents of Proconsul never run
commands that reach them through the cluster, and Consul's do not unless disable_remote_exec is false.`,
  flags: {
    ...clientFlags,
    ...serverFlags,
    node: stringFlag("Regular expression that node names must match."),
    service: stringFlag("Regular expression that a service of the node must match."),
    tag: stringFlag("Regular expression that a tag of that service must match; needs -service."),
    prefix: stringFlag("Prefix of the keys that carry the request.", { initial: "_rexec" }),
    shell: boolFlag("Run the command through a shell.", true),
    wait: durationFlag("End when no node has answered for this long.", 2_000_000_000n),
    "wait-repl": durationFlag("Wait this long for the request to be replicated.", 200_000_000n),
    verbose: boolFlag("Tell what happens."),
  },
  run: async (context) => {
    const { flags, args } = context;
    if (args.length === 1 && args[0] === "-" && !flags.shell) {
      throw new CommandFailure("Cannot configure -shell=false when reading from stdin");
    }
    if (args.join(" ") === "") {
      throw new CommandFailure("Must specify a command to execute", { helpTo: "stderr" });
    }
    if (flags.node !== "") compileRegexp(flags.node, "node filter");
    if (flags.service !== "") compileRegexp(flags.service, "service filter");
    if (flags.tag !== "") compileRegexp(flags.tag, "tag filter");
    if (flags.tag !== "" && flags.service === "") {
      throw new CommandFailure("Cannot provide tag filter without service filter.");
    }
    const client = await connect(context);
    const self = await orFail(agentSelf(client), (why) => `Error querying Consul agent: ${why}`);
    const isOff = boolField(toRecord(self["DebugConfig"], "DebugConfig"), "DisableRemoteExec");
    throw new CommandFailure(
      isOff
        ? "Remote execution is disabled on this agent (disable_remote_exec)"
        : `Remote execution is not supported by ${context.host.programName}`,
    );
  },
});
