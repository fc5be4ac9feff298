/** One run: servers, clients, faults; then peace, a last look at every key, and the history. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { seededRng } from "../../src/lib/rng.ts";
import { loopbackNetwork, namespaceNetwork } from "../../test/support/test-network.ts";
import { disturb, faultMissing, type FaultName } from "./faults.ts";
import type { History, ReadMode } from "./history.ts";
import { Recorder } from "./recorder.ts";
import { Servers } from "./servers.ts";
import { registerLockNode, startWorkload } from "./workload.ts";

const clientCount = 9;
const lockClientCount = 3;
/** About an election: a client that waits for longer sees less. */
const operationTimeoutMs = 2_000;

export interface RunOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly servers: number;
  readonly faults: readonly FaultName[];
  /** Another program that takes the reference's command line. */
  readonly program: string | undefined;
  /** Where the history goes; made if it is missing. */
  readonly folder: string;
  readonly say: (line: string) => void;
  /** Ends the faults early; what was recorded until then is judged. */
  readonly signal: AbortSignal;
}

/** What a run leaves. */
export interface RunOutcome {
  readonly history: History;
  readonly path: string;
  /** Why the servers did not answer again in peace; undefined: they did. */
  readonly notRecovered: string | undefined;
}

/** Runs and records. Rejects when the servers do not even start. */
export async function torture(options: RunOptions): Promise<RunOutcome> {
  const { seed, say } = options;
  const names = options.faults.filter((name) => {
    const why = faultMissing(name, options.servers);
    if (why !== undefined) say(`without ${name}: ${why}`);
    return why === undefined;
  });
  mkdirSync(options.folder, { recursive: true });
  const path = join(options.folder, "history.jsonl");
  const network = names.includes("partition")
    ? namespaceNetwork(options.servers)
    : loopbackNetwork(options.servers);
  await using servers = new Servers({
    count: options.servers,
    network,
    program: options.program,
    smallDisks: names.includes("disk"),
    ownClocks: names.includes("clock"),
  });
  for (const number of servers.numbers()) servers.start(number);
  await servers.ready();
  await registerLockNode(servers.endpoint(1));
  const run = {
    kind: "run",
    seed,
    servers: options.servers,
    faults: names,
    program: options.program ?? "proconsul",
  } as const;
  using recorder = new Recorder(path, run, operationTimeoutMs);
  const rng = seededRng(seed);
  const workload = startWorkload({
    recorder,
    rng: rng.fork("workload"),
    clients: clientCount,
    lockClients: lockClientCount,
    endpoints: () => servers.numbers().map((number) => servers.endpoint(number)),
  });
  let notRecovered: string | undefined;
  try {
    const untilMs = performance.now() + options.seconds * 1_000;
    await disturb({ servers, recorder, rng: rng.fork("faults"), names, say }, () => {
      return options.signal.aborted || performance.now() >= untilMs;
    });
    // A terminal's interrupt goes to the servers too: then nobody is left to recover.
    if (!options.signal.aborted) await servers.ready();
  } catch (error) {
    notRecovered = String(error);
  } finally {
    await workload.stop();
  }
  if (options.signal.aborted) say("ended early: no last look at the keys");
  else if (notRecovered === undefined) await lookAtAll(servers, recorder);
  else await servers.keepState(options.folder);
  servers.keepOutput(options.folder);
  const { operations, faults } = recorder;
  return { history: { run, operations, faults }, path, notRecovered };
}

/** Reads every key through every server, so that nothing acknowledged is lost unseen. */
async function lookAtAll(servers: Servers, recorder: Recorder): Promise<void> {
  const keys = [...new Set(recorder.operations.map(({ key }) => key))];
  for (const [at, key] of keys.entries()) {
    for (const mode of ["consistent", "default"] satisfies ReadMode[]) {
      const number = 1 + (at % servers.count);
      await recorder.operate(servers.endpoint(number), { client: 0, key, action: { kind: "get", mode } });
    }
  }
}
