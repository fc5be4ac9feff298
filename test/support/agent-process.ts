import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePortRun } from "../../tools/free-ports.ts";

/** A development agent that runs as a process of its own. Disposing ends it and removes its folder. */
export interface AgentProcess extends AsyncDisposable {
  /** For example `http://127.0.0.1:23456`, without a slash at the end. */
  readonly httpUrl: string;
  readonly dnsPort: number;
  readonly pid: number;
  /** What it has printed so far. */
  output(): string;
  /** Sends a signal and settles with the exit code, `null` when the signal ended the process at once. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** How a started agent differs from a development agent in memory. */
export interface StartOptions {
  /** Durable data in this folder, which stays when the agent ends. */
  readonly dataDir?: string;
  readonly extra?: readonly string[];
}

const launcher = join(import.meta.dirname, "../../bin/proconsul");
const readyDeadlineMs = 30_000;
const pollMs = 25;
const portCount = 6;

/**
 * Starts `command agent -dev` (by default the launcher) on free ports, in an empty folder, and waits until it
 * knows its leader.
 *
 * Throws `Error` with what the process printed if it ends early or is not ready in half a minute.
 */
export async function startAgent(
  command: readonly [string, ...string[]] = [launcher],
  options: StartOptions = {},
): Promise<AgentProcess> {
  const folder = mkdtempSync(join(tmpdir(), "agent-"));
  const first = await freePortRun(portCount);
  const [program, ...before] = command;
  const names = ["http", "dns", "server", "serf-lan", "serf-wan", "grpc"];
  const ports = names.map((name, index) => `-${name}-port=${first + index}`);
  const mode =
    options.dataDir === undefined
      ? ["-dev"]
      : ["-server", "-bootstrap-expect=1", `-data-dir=${options.dataDir}`];
  const args = [
    ...before,
    "agent",
    ...mode,
    ...(options.extra ?? []),
    "-bind=127.0.0.1",
    "-client=127.0.0.1",
    "-node=n1",
    ...ports,
  ];
  const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (piece: string) => (output += piece));
  }
  let ended = false;
  const { promise: exit, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    ended = true;
    resolve();
  };
  child.on("error", (error) => {
    output += error.message;
    end();
  });
  child.on("exit", end);
  const agent: AgentProcess = {
    httpUrl: `http://127.0.0.1:${first}`,
    dnsPort: first + 1,
    pid: child.pid ?? 0,
    output: () => output,
    end: async (signal) => {
      child.kill(signal);
      await exit;
      return child.exitCode;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exit;
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const deadline = performance.now() + readyDeadlineMs;
  while (!(await knowsLeader(agent.httpUrl))) {
    if (ended || performance.now() > deadline) {
      await agent[Symbol.asyncDispose]();
      throw new Error(`the agent ${ended ? "ended early" : "was not ready in time"}:\n${output}`);
    }
    await new Promise((tick) => setTimeout(tick, pollMs));
  }
  return agent;
}

async function knowsLeader(httpUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${httpUrl}/v1/status/leader`, { signal: AbortSignal.timeout(2_000) });
    return response.ok && /\d/.test(await response.text());
  } catch (error) {
    // Not listening yet, or not answering yet.
    if (error instanceof Error) return false;
    throw error;
  }
}
