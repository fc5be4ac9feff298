/** Runs a child while a lock is held, and ends it when the lock is lost. */
import { agentIdentity } from "../../client/agent.ts";
import type { HttpClient } from "../../client/http-client.ts";
import { KeyLock } from "../../client/key-lock.ts";
import { Semaphore } from "../../client/semaphore.ts";
import { joinKey, lockKeyName, type LockOptions, type SharedLock } from "../../client/shared-lock.ts";
import { ProconsulError } from "../../lib/errors.ts";
import { pause } from "../../lib/pause.ts";
import { childArgv, endProblem, Interrupts, unlessAborted } from "../child.ts";
import { clientFlags, connect, serverFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail, type CommandContext } from "../command.ts";
import { boolFlag, durationFlag, intFlag, stringFlag } from "../flag-set.ts";
import type { RunningChild } from "../host.ts";

/** Between asking the child to end and ending it. Shorter than a lock delay, in which nobody else gets the lock. */
const graceMs = 5_000;
/** A child that was killed is gone at once; a system that cannot do that is not waited for. */
const killedMs = 2_000;

const flags = {
  ...clientFlags,
  ...serverFlags,
  "child-exit-code": boolFlag("Exit with 2 if the child fails; else a failing child is no failure."),
  n: intFlag("How many may hold the lock at once; more than 1 makes it a semaphore.", 1),
  "monitor-retry": intFlag(
    "How often in a row, a second apart, the agent may fail to tell whether the lock is held before it " +
      "counts as lost.",
    3,
  ),
  name: stringFlag("Name of the lock's session; made of the child's command line if absent."),
  "pass-stdin": boolFlag("Give the child this command's standard input."),
  shell: boolFlag("Run the child through a shell, the one in SHELL or /bin/sh.", true),
  timeout: durationFlag("Give up if the lock is not free in this time; 0 waits for ever.", 0n),
  try: durationFlag("Older name of -timeout.", 0n),
  verbose: boolFlag("Tell what happens."),
};

type Context = CommandContext<typeof flags>;

interface Request {
  readonly prefix: string;
  readonly words: readonly string[];
  readonly limit: number;
  readonly tryMs: number | undefined;
}

function readRequest({ flags: given, args }: Context): Request {
  if (given.n <= 0) throw new CommandFailure("Lock holder limit must be positive");
  const [first, ...words] = args;
  if (first === undefined || words.length === 0) {
    throw new CommandFailure("Key prefix and child command must be specified");
  }
  const timeoutNs = given.try === 0n ? given.timeout : given.try;
  if (timeoutNs < 0n) throw new CommandFailure("Timeout must be positive");
  if (given["monitor-retry"] < 0) throw new CommandFailure("Number for 'monitor-retry' must be >= 0");
  const tryMs = timeoutNs === 0n ? undefined : Number(timeoutNs) / 1e6;
  return { prefix: first.replace(/^\//u, ""), words, limit: given.n, tryMs };
}

function makeLock(context: Context, client: HttpClient, request: Request): SharedLock {
  const { prefix, words, limit, tryMs } = request;
  const given = context.flags;
  const options: LockOptions = {
    client,
    clock: context.host.clock,
    sessionName: given.name === "" ? `Consul lock for '${words.join(" ")}' at '${prefix}'` : given.name,
    tryMs,
    monitorRetryCount: given["monitor-retry"],
  };
  if (limit > 1) {
    tell(context, `Setting up semaphore (limit ${limit}) at prefix: ${prefix}`);
    return new Semaphore({ prefix, limit }, options);
  }
  // Under the semaphore's name, so that a lock and a semaphore at one prefix notice each other.
  const key = joinKey(prefix, lockKeyName);
  tell(context, `Setting up lock at path: ${key}`);
  return new KeyLock(key, options);
}

function tell(context: Context, text: string): void {
  if (context.flags.verbose) context.out(text);
}

async function startChild(
  context: Context,
  words: readonly string[],
  interrupts: Interrupts,
): Promise<RunningChild | undefined> {
  const { host, flags: given } = context;
  tell(context, "Starting handler");
  if (given["pass-stdin"]) tell(context, "Stdin passed to handler process");
  await host.flush();
  try {
    const child = await host.spawn({
      argv: childArgv(host, words, given.shell),
      env: { CONSUL_LOCK_HELD: "true" },
      stdin: { kind: given["pass-stdin"] ? "inherit" : "none" },
    });
    interrupts.attach(child);
    return child;
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    context.err(`Error starting handler: ${error.message}`);
    return undefined;
  }
}

/** Runs the child until it ends, the lock is lost or somebody interrupts. True if it failed by itself. */
async function holdAndRun(
  context: Context,
  held: { readonly words: readonly string[]; readonly lost: AbortSignal },
  interrupts: Interrupts,
): Promise<boolean> {
  const child = await startChild(context, held.words, interrupts);
  if (child === undefined) return true;
  const ended = child.ended.then((end) => {
    const problem = endProblem(end);
    if (problem !== undefined) context.err(`Error running handler: ${problem}`);
    return { failed: problem !== undefined };
  });
  const first = await unlessAborted(ended, [interrupts.stop, held.lost]);
  if (first !== undefined) {
    tell(context, "Child terminated, releasing lock");
    return first.failed;
  }
  tell(context, held.lost.aborted ? "Lock lost, killing child" : "Shutdown triggered, killing child");
  await endChild(context, child, ended);
  return false;
}

async function endChild(context: Context, child: RunningChild, ended: Promise<unknown>): Promise<void> {
  const { clock } = context.host;
  tell(context, `Terminating child pid ${child.pid}`);
  child.signal("SIGTERM");
  const done = new AbortController();
  void ended.then(() => done.abort());
  await pause(clock, graceMs, done.signal);
  if (done.signal.aborted) {
    tell(context, "Child terminated");
    return;
  }
  tell(context, `Child did not exit after grace period of ${graceMs / 1_000}s`);
  tell(context, `Killing child pid ${child.pid}`);
  child.signal("SIGKILL");
  await pause(clock, killedMs, done.signal);
}

async function giveBack(context: Context, lock: SharedLock): Promise<void> {
  await orFail(lock.release(), (why) => `Lock release failed: ${why}`);
  const outcome = await orFail(lock.destroy(), (why) => `Lock cleanup failed: ${why}`);
  tell(context, outcome === "removed" ? "Cleanup succeeded" : "Cleanup aborted, lock in use");
}

/** `lock` */
export const lockCommand = defineCommand({
  usage: "lock [options] prefix child...",
  about: `Waits for the lock at a prefix of keys, runs a child while it is held, and gives it back. If the
lock is lost, or on an interrupt, the child gets SIGTERM and, 5 seconds later, SIGKILL. With -n the lock
is a semaphore that several may hold. The token, if any, must be allowed to write below the prefix.

    $ {program} lock jobs/nightly ./nightly.sh
    $ {program} lock -n=3 jobs/backup ./backup.sh
    $ {program} lock -timeout=10s -child-exit-code jobs/migrate ./migrate.sh`,
  flags,
  run: async (context) => {
    const request = readRequest(context);
    const client = await connect(context);
    await orFail(agentIdentity(client), (why) => `Error querying Consul agent: ${why}`);
    const lock = await orFail(
      Promise.resolve().then(() => makeLock(context, client, request)),
      (why) => `Lock setup failed: ${why}`,
    );
    using interrupts = new Interrupts(context.host);
    tell(context, "Attempting lock acquisition");
    const lost = await orFail(lock.acquire(interrupts.stop), (why) => `Lock acquisition failed: ${why}`);
    if (lost === undefined) {
      throw new CommandFailure("Shutdown triggered or timeout during lock acquisition");
    }
    let hasFailed = false;
    if (interrupts.stop.aborted) context.err("Shutdown triggered during lock acquisition");
    else hasFailed = await holdAndRun(context, { words: request.words, lost }, interrupts);
    await giveBack(context, lock);
    return hasFailed && context.flags["child-exit-code"] ? 2 : 0;
  },
});
