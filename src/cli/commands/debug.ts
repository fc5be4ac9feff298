/**
 * Watches an agent for some minutes and packs what it tells into an archive.
 *
 * Files are written into a folder as they come, so that an interrupt loses nothing; at the end the folder
 * becomes an archive. Names and contents are the reference's, whose tools read them.
 */
import { agentSelf } from "../../client/agent.ts";
import { servesProfiles } from "../../client/debug.ts";
import { boolField, textField, toRecord } from "../../client/shape.ts";
import { tarGz } from "../../client/tar-gz.ts";
import { ProconsulError } from "../../lib/errors.ts";
import { renderGoDuration } from "../../lib/go-duration.ts";
import { pause } from "../../lib/pause.ts";
import { clientFlags, connect } from "../client-flags.ts";
import { CommandFailure, defineCommand, type CommandContext } from "../command.ts";
import { Capture, isTarget, targets, type Target } from "../debug-capture.ts";
import { boolFlag, durationFlag, listFlag, stringFlag } from "../flag-set.ts";

const secondNs = 1_000_000_000n;
const durationMinNs = 10n * secondNs;
const intervalMinNs = 5n * secondNs;
/** Added to the duration, so that the last interval is complete. */
const graceNs = 2n * secondNs;
/** Version of the archive's form. */
const archiveVersion = 1;

const flags = {
  ...clientFlags,
  capture: listFlag(
    `What to collect: ${targets.join(", ")}; everything if absent. May be given several times.`,
  ),
  interval: durationFlag("Time between profiles.", 30n * secondNs),
  duration: durationFlag("Time to collect for.", 300n * secondNs),
  archive: boolFlag("Pack the folder into an archive, FOLDER.tar.gz, and remove it.", true),
  output: stringFlag("Folder to make; consul-debug- and the time if absent."),
  since: stringFlag("Not supported: what to collect from the past, with a tool of the reference."),
};

type Context = CommandContext<typeof flags>;

/** The reference sets off what it says from what the agent says. */
function output(context: Context, text: string): void {
  context.out(`==> ${text}`);
}
function info(context: Context, text: string): void {
  context.out(`    ${text}`);
}
function failure(context: Context, text: string): void {
  context.err(`==> ${text}`);
}

interface Plan {
  readonly version: string;
  readonly folder: string;
  readonly capture: readonly Target[];
}

/** The time as the reference puts it into names of files; tar would take a colon for a host's name. */
function fileTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19).replaceAll(":", "-")}Z`;
}

function checkTimes({ flags: { duration, interval } }: Context): void {
  const shown = renderGoDuration;
  if (duration < durationMinNs) {
    throw new CommandFailure(`duration must be longer than ${shown(durationMinNs)}`);
  }
  if (interval < intervalMinNs) {
    throw new CommandFailure(`interval must be longer than ${shown(intervalMinNs)}`);
  }
  if (duration < interval) {
    throw new CommandFailure(
      `duration (${shown(duration)}) must be longer than interval (${shown(interval)})`,
    );
  }
}

async function prepare(context: Context, client: Awaited<ReturnType<typeof connect>>): Promise<Plan> {
  const { host, flags: given } = context;
  checkTimes(context);
  let self: Awaited<ReturnType<typeof agentSelf>>;
  try {
    self = await agentSelf(client);
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    const why = `${error.message}. verify connectivity and agent address`;
    throw new CommandFailure(`error querying target agent: ${why}`);
  }
  const version = textField(toRecord(self["Config"], "Config"), "Version");
  const wanted = given.capture.length === 0 ? targets : given.capture;
  const unknown = wanted.find((name) => !isTarget(name));
  if (unknown !== undefined) throw new CommandFailure(`target not found: ${unknown}`);
  let capture = wanted.filter(isTarget);
  if (capture.includes("pprof")) {
    const isOn = boolField(toRecord(self["DebugConfig"], "DebugConfig"), "EnableDebug");
    const why = !isOn
      ? "Set enable_debug to true on target agent to enable profiling."
      : (await servesProfiles(client))
        ? undefined
        : "The target agent has no such profiles.";
    if (why !== undefined) {
      context.err(`[WARN] Unable to capture pprof. ${why}`);
      capture = capture.filter((name) => name !== "pprof");
    }
  }
  const folder = given.output === "" ? `consul-debug-${fileTime(host.clock.wallMs())}` : given.output;
  if (await host.files.exists(folder)) {
    throw new CommandFailure(`output directory already exists: ${folder}`);
  }
  await host.files.makeFolder(folder);
  return { version, folder, capture };
}

/** Collects for the duration; whatever fails is told, and the rest goes on. */
async function collect(context: Context, capture: Capture, stop: AbortSignal): Promise<void> {
  const { clock } = context.host;
  const stamp = (): string =>
    new Date(clock.wallMs()).toISOString().replace("T", " ").replace("Z", " +0000 UTC");
  const over = new AbortController();
  const end = AbortSignal.any([over.signal, stop]);
  const streams = capture.streams(end, stop);
  let count = 0;
  output(context, `Beginning capture interval ${stamp()} (${count})`);
  const leftMs = ((): (() => number) => {
    const startMs = clock.monotonicMs();
    const totalMs = Number(context.flags.duration + graceNs) / 1e6;
    return () => totalMs - (clock.monotonicMs() - startMs);
  })();
  const intervalMs = Number(context.flags.interval) / 1e6;
  const problems: string[] = [];
  while (!stop.aborted) {
    problems.push(...(await capture.interval(fileTime(clock.wallMs()), end)));
    output(context, `Capture successful ${stamp()} (${count})`);
    if (leftMs() <= intervalMs) {
      await pause(clock, Math.max(0, leftMs()), stop);
      break;
    }
    await pause(clock, intervalMs, stop);
    count += 1;
  }
  over.abort();
  if (stop.aborted) problems.push("stopping collection due to shutdown signal");
  problems.push(...(await streams));
  for (const problem of problems) failure(context, `Error encountered during collection: ${problem}`);
}

async function pack(context: Context, folder: string, names: readonly string[]): Promise<void> {
  const { files, clock } = context.host;
  const base = folder.replace(/\/+$/u, "").split("/").at(-1) ?? folder;
  const contents = names.map(async (name) => ({
    name: `${base}/${name}`,
    bytes: await files.read(`${folder}/${name}`),
  }));
  const archive = await tarGz(await Promise.all(contents), Math.floor(clock.wallMs() / 1_000));
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield archive;
  }
  await files.write(`${folder}.tar.gz.tmp`, whole());
  await files.rename(`${folder}.tar.gz.tmp`, `${folder}.tar.gz`);
  await files.removeTree(folder);
}

async function explained<Value>(what: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    throw new CommandFailure(`==> ${what}: ${error.message}`);
  }
}

/** `debug` */
export const debugCommand = defineCommand({
  usage: "debug [options]",
  about: `Collects what an agent tells about itself, its machine, its cluster, its metrics and its log, for the
duration, into an archive in the working directory. An interrupt ends it early and keeps what is there.

Secrets are left out of the configuration, but look through the archive before you pass it on. With ACLs
on, a token with operator:read is needed.

    $ {program} debug -duration=1m -interval=20s
    $ {program} debug -capture=agent -capture=metrics -output=/tmp/found -archive=false`,
  flags,
  flagErrorLine: (message) => `==> Error parsing flags: ${message}`,
  run: async (context) => {
    const { flags: given, host } = context;
    if (context.args.length > 0) {
      throw new CommandFailure("==> debug: Too many arguments provided, expected 0");
    }
    if (given.since !== "") {
      throw new CommandFailure(
        "==> -since needs hcdiag, a tool of the reference that is not part of this program",
      );
    }
    const client = await connect(context, "==> Error connecting to Consul agent");
    const plan = await explained("Capture validation failed", prepare(context, client));
    const archiveName = given.archive ? `${plan.folder}.tar.gz` : plan.folder;
    output(context, "Starting debugger and capturing static information...");
    info(context, ` Agent Version: '${plan.version}'`);
    info(context, `      Interval: '${renderGoDuration(given.interval)}'`);
    info(context, `      Duration: '${renderGoDuration(given.duration)}'`);
    info(context, `        Output: '${archiveName}'`);
    info(context, `       Capture: '${plan.capture.join(", ")}'`);
    const stop = new AbortController();
    const watched = host.onInterrupt(() => stop.abort());
    context.defer(() => watched[Symbol.dispose]());
    const seconds = Number((given.duration + graceNs) / secondNs);
    const capture = new Capture({ client, files: host.files }, { ...plan, seconds });
    for (const problem of await capture.facts()) context.err(`Static capture failed: ${problem}`);
    if (plan.capture.some((target) => ["metrics", "logs", "pprof"].includes(target))) {
      await collect(context, capture, stop.signal);
    }
    const index = {
      Version: archiveVersion,
      AgentVersion: plan.version,
      Interval: renderGoDuration(given.interval),
      Duration: renderGoDuration(given.duration + graceNs),
      Targets: plan.capture,
    };
    await explained("Error creating index document", capture.writeJson("index.json", index));
    if (given.archive) {
      await explained("Archive creation failed", pack(context, plan.folder, capture.names()));
    }
    info(context, `Saved debug archive: ${archiveName}`);
    return 0;
  },
});
