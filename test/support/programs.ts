/** Other people's programs, run against ours. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether a program is there; says so if the tests that need it are left out. */
export function isInstalled(program: string, argv: readonly string[] = ["-v"]): boolean {
  const { error, status } = spawnSync(program, argv);
  const isThere = error === undefined && status === 0;
  if (!isThere) console.warn(`skipped: tests with ${program}, since it is not there`);
  return isThere;
}

/** Runs a program to its end and answers what it printed. Rejects with all it said if its code is not 0. */
export function run(program: string, argv: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { stdio: ["pipe", "pipe", "pipe"] });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (piece: Buffer) => void (output += piece.toString()));
    child.stderr.on("data", (piece: Buffer) => void (errors += piece.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ended with code ${code}:\n${output}${errors}`));
    });
    child.stdin.end(input);
  });
}

/** A program that goes on until it is disposed of. */
export class Daemon implements AsyncDisposable {
  readonly folder: string;
  readonly #child: ChildProcess;
  output = "";

  /** `argv` gets the daemon's own empty folder. */
  constructor(program: string, argv: (folder: string) => readonly string[]) {
    this.folder = mkdtempSync(join(tmpdir(), "third-party-"));
    this.#child = spawn(program, argv(this.folder), { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (piece: Buffer) => void (this.output += piece.toString()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGKILL");
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const pollMs = 50;
const untilMs = 20_000;

/** Asks again until the answer satisfies `isIt`, and answers it. Rejects with the last one after 20 seconds. */
export async function eventually<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  const deadlineMs = performance.now() + untilMs;
  let last: unknown;
  while (performance.now() < deadlineMs) {
    try {
      const answer = await ask();
      if (isIt(answer)) return answer;
      last = answer;
    } catch (error) {
      // Not listening yet, mostly.
      last = error;
    }
    await new Promise((tick) => setTimeout(tick, pollMs));
  }
  throw new Error(`it never came true; the last answer was ${String(last)}`);
}
