/** Agents of a test cluster as processes of their own, started from the shell's command line. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestNetwork } from "./test-network.ts";

const launcher = join(import.meta.dirname, "../../bin/proconsul");
const pollMs = 50;

/** What a command printed, and how it ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One agent that was started. */
export interface ClusterAgent {
  readonly name: string;
  readonly host: number;
  readonly address: string;
  readonly url: string;
  readonly dataDir: string;
  isRunning(): boolean;
  output(): string;
  /** Sends a signal and settles when the process is gone. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Sends a signal and goes on. */
  signal(signal: NodeJS.Signals): void;
  /** A request to its HTTP interface; `path` begins with `/v1/`. Rejects if there is no answer in `timeoutMs`. */
  ask(path: string, options?: RequestInit & { readonly timeoutMs?: number }): Promise<HttpAnswer>;
  /** The body of a GET as JSON; throws with the text if the status is not 200. */
  json<T>(path: string): Promise<T>;
  /** Runs `proconsul WORDS…` against this agent. */
  cli(...words: readonly string[]): Promise<CommandResult>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

export interface AgentOptions {
  readonly name: string;
  readonly host: number;
  readonly args: readonly string[];
  /** Another program than ours. */
  readonly program?: string;
  /** Beside what this process has in its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts agents and ends them all on disposal, with their folders. */
export class Cluster implements AsyncDisposable {
  readonly network: TestNetwork;
  /** Removed on disposal, with every data directory in it. */
  readonly folder = mkdtempSync(join(tmpdir(), "cluster-"));
  readonly #children = new Set<ChildProcess>();

  constructor(network: TestNetwork) {
    this.network = network;
  }

  /** `agent -node NAME -bind ADDRESS -client … -data-dir … ARGS`; settles at once, see `until`. */
  start({ name, host, args, program = launcher, env = {} }: AgentOptions): ClusterAgent {
    const address = this.network.address(host);
    const dataDir = join(this.folder, name);
    const argv = this.network.on(host, [
      program,
      "agent",
      `-node=${name}`,
      `-bind=${address}`,
      `-client=${address}`,
      `-data-dir=${dataDir}`,
      ...args,
    ]);
    const [command, ...rest] = argv;
    const child = spawn(command, rest, {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.#children.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (piece: string) => (output += piece));
    }
    const gone = new Promise<void>((resolve) => {
      child.once("error", () => resolve());
      child.once("exit", () => resolve());
    }).then(() => this.#children.delete(child));
    const url = `http://${address}:8500`;
    const ask: ClusterAgent["ask"] = async (path, { timeoutMs = 15_000, ...init } = {}) => {
      const answer = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(timeoutMs) });
      return { status: answer.status, text: await answer.text(), headers: answer.headers };
    };
    return {
      name,
      host,
      address,
      url,
      dataDir,
      isRunning: () => this.#children.has(child),
      output: () => output,
      signal: (signal) => void child.kill(signal),
      end: async (signal) => {
        child.kill(signal);
        await gone;
        return child.exitCode;
      },
      ask,
      json: async <T>(path: string) => {
        const { status, text } = await ask(path);
        if (status !== 200) throw new Error(`${path} answered ${status}: ${text}`);
        return JSON.parse(text) as T;
      },
      cli: (...words) => runCommand(launcher, words, { CONSUL_HTTP_ADDR: `${address}:8500` }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#children];
    await Promise.all(
      all.map(
        (child) =>
          new Promise<void>((resolve) => {
            child.once("exit", () => resolve());
            // Also one that was stopped by SIGSTOP ends.
            child.kill("SIGKILL");
            if (child.exitCode !== null || child.signalCode !== null) resolve();
          }),
      ),
    );
    this.network[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs a program to its end. */
export function runCommand(
  program: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (piece: string) => (stdout += piece));
    child.stderr.setEncoding("utf8").on("data", (piece: string) => (stderr += piece));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/**
 * Waits until `condition` answers something true, and answers it. Errors count as "not yet".
 *
 * Throws after `timeoutMs` with what was waited for, the last error and whatever `explain` adds.
 */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 60_000, explain }: { readonly timeoutMs?: number; readonly explain?: () => string } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${what}; last: ${String(last)}\n${explain?.() ?? ""}`);
    }
    await new Promise((tick) => setTimeout(tick, pollMs));
  }
}
