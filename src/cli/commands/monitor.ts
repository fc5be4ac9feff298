/** Follows the agent's log until interrupted. */
import { agentMonitor } from "../../client/agent.ts";
import { TransportError } from "../../client/errors.ts";
import { clientFlags, connect } from "../client-flags.ts";
import { defineCommand, orFail } from "../command.ts";
import { boolFlag, stringFlag } from "../flag-set.ts";

/** `monitor` */
export const monitorCommand = defineCommand({
  usage: "monitor [options]",
  about: `Shows the agent's log as it is written, also at levels that the agent itself does not log.
Ends when interrupted.`,
  flags: {
    ...clientFlags,
    "log-level": stringFlag("Lowest level to show: trace, debug, info, warn or err.", { initial: "INFO" }),
    "log-json": boolFlag("Show the lines as JSON."),
  },
  run: async (context) => {
    const { flags, host } = context;
    const client = await connect(context);
    const stop = new AbortController();
    const watched = host.onInterrupt(() => stop.abort());
    context.defer(() => watched[Symbol.dispose]());
    const lines = await orFail(
      agentMonitor(client, { level: flags["log-level"], json: flags["log-json"], signal: stop.signal }),
      (why) => `Error starting ${flags["log-json"] ? "JSON monitor" : "monitor"}: ${why}`,
    );
    try {
      for await (const line of lines) context.out(line);
    } catch (error) {
      // A broken stream ends the log like a closed one; who broke it, the signal tells.
      if (!(error instanceof TransportError)) throw error;
    }
    if (stop.signal.aborted) return 0;
    context.out(
      "\nRemote side ended the monitor! This usually means that the\nremote side has exited or crashed.",
    );
    return 1;
  },
});
