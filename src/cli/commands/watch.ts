/** Follows a view of the cluster: prints it once, or runs a child with each change. */
import type { HttpClient } from "../../client/http-client.ts";
import { statusLeader } from "../../client/status.ts";
import { watchSource } from "../../client/watch-source.ts";
import { ProconsulError } from "../../lib/errors.ts";
import { parseGoBool } from "../../lib/flags.ts";
import { renderGoDurationMs } from "../../lib/go-duration.ts";
import { runWatch, type WatchView } from "../../lib/watch-plan.ts";
import { parseWatch, WatchSpecError, type Watch } from "../../lib/watch-spec.ts";
import { childArgv, endProblem, Interrupts, unlessAborted } from "../child.ts";
import { clientFlags, connect, serverFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail, type CommandContext } from "../command.ts";
import { boolFlag, listFlag, stringFlag } from "../flag-set.ts";

const flags = {
  ...clientFlags,
  ...serverFlags,
  type: stringFlag(
    "What to watch: key, keyprefix, services, nodes, service, checks or event. Agents can also " +
      "watch connect_roots, connect_leaf and agent_service.",
  ),
  key: stringFlag("Key to watch; for the type key."),
  prefix: stringFlag("Prefix of the keys to watch; for the type keyprefix."),
  service: stringFlag("Service to watch; for the types service and, if wanted, checks."),
  tag: listFlag("Tag that instances must have; for the type service. May be given several times."),
  passingonly: stringFlag("Whether to leave out instances with failing checks; for the type service.", {
    valueName: "[true|false]",
  }),
  shell: boolFlag("Run the child through a shell, the one in SHELL or /bin/sh.", true),
  state: stringFlag("State of the checks to watch; for the type checks."),
  name: stringFlag("Name of the events to watch; for the type event."),
  filter: stringFlag("Expression that what is watched must match."),
};

type Context = CommandContext<typeof flags>;

function readWatch({ flags: given }: Context): Watch {
  const params: Record<string, unknown> = { type: given.type };
  for (const name of ["key", "prefix", "service", "filter", "state", "name"] as const) {
    if (given[name] !== "") params[name] = given[name];
  }
  if (given.tag.length > 0) params["tag"] = given.tag;
  if (given.stale === true) params["stale"] = true;
  if (given.passingonly !== "") {
    const isOn = parseGoBool(given.passingonly);
    if (isOn === undefined) {
      const why = `strconv.ParseBool: parsing ${JSON.stringify(given.passingonly)}: invalid syntax`;
      throw new CommandFailure(`Failed to parse passingonly flag: ${why}`);
    }
    params["passingonly"] = isOn;
  }
  try {
    return parseWatch(params);
  } catch (error) {
    if (error instanceof WatchSpecError) throw new CommandFailure(error.message);
    throw error;
  }
}

/** The line that the reference's watch logs to standard error. */
function tellFailure(context: Context, type: string, failure: { reason: string; retryMs: number }): void {
  const time = new Date(context.host.clock.wallMs()).toISOString();
  const fields = `type=${type} error=${JSON.stringify(failure.reason)} retry=${renderGoDurationMs(failure.retryMs)}`;
  context.err(`${time} [ERROR] watch.watch: Watch errored: ${fields}`);
}

/** Runs the child with one view; false, with the reason told, if it does not end well. */
async function runChild(context: Context, interrupts: Interrupts, view: WatchView): Promise<boolean> {
  const { host, args } = context;
  try {
    const child = await host.spawn({
      argv: childArgv(host, args, context.flags.shell),
      env: { CONSUL_INDEX: view.mark.kind === "index" ? view.mark.index : "0" },
      stdin: { kind: "bytes", bytes: new TextEncoder().encode(`${view.json}\n`) },
    });
    interrupts.attach(child);
    // The reference does not wait for its child once it is interrupted.
    const end = await unlessAborted(child.ended, [interrupts.stop]);
    const problem = end === undefined ? undefined : endProblem(end);
    if (problem === undefined) return true;
    context.err(`Error executing handler: ${problem}`);
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    context.err(`Error starting handler: ${error.message}`);
  }
  return false;
}

async function follow(context: Context, client: HttpClient, watch: Watch): Promise<number> {
  const { host, args } = context;
  using interrupts = new Interrupts(host);
  const over = new AbortController();
  let exitCode = 0;
  await runWatch({
    source: watchSource(client, watch.spec),
    clock: host.clock,
    signal: AbortSignal.any([over.signal, interrupts.stop]),
    failed: (reason, retryMs) => tellFailure(context, watch.spec.kind, { reason, retryMs }),
    handle: async (view) => {
      if (args.length === 0) {
        context.out(view.pretty());
        over.abort();
      } else if (!(await runChild(context, interrupts, view))) {
        exitCode = 1;
        over.abort();
      }
    },
  });
  return exitCode;
}

/** `watch` */
export const watchCommand = defineCommand({
  usage: "watch [options] [child...]",
  about: `Follows a view of the cluster. With a child, runs it for the view as it is and for each change,
with the view as JSON on its standard input and its index in CONSUL_INDEX; a child that fails ends the
watch. Without one, prints the view as it is and ends.

    $ {program} watch -type=services
    $ {program} watch -type=key -key=redis/maxconns cat
    $ {program} watch -type=service -service=web -passingonly=true ./reconfigure`,
  flags,
  run: async (context) => {
    if (context.flags.type === "") {
      throw new CommandFailure("Watch type must be specified", { helpTo: "stderr" });
    }
    const watch = readWatch(context);
    const { kind } = watch.spec;
    if (kind === "connect_roots" || kind === "connect_leaf" || kind === "agent_service") {
      throw new CommandFailure(`Type ${kind} is not supported in the CLI tool`);
    }
    const client = await connect(context);
    // A first call tells an agent that cannot be reached from a view that cannot be read.
    await orFail(statusLeader(client), (why) => `Error querying Consul agent: ${why}`);
    return follow(context, client, watch);
  },
});
