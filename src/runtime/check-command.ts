/** Commands of checks, each in a process group of its own. */
import { spawn } from "node:child_process";
import type { CommandProbe, CommandResult } from "../agent/check-io.ts";
import { TailBuffer } from "../lib/tail-buffer.ts";

/** Runs a command in a process group of its own, so that its children end with it. */
export function runCommand(probe: CommandProbe, signal: AbortSignal): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = probe.argv;
    if (program === undefined || program === "") {
      reject(new Error("need an executable to run"));
      return;
    }
    const tail = new TailBuffer(probe.outputBytesMax);
    const child = spawn(program, args, {
      detached: true,
      stdio: [probe.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      ...(probe.env === undefined ? {} : { env: { ...process.env, ...probe.env } }),
    });
    let timedOut = false;
    const killGroup = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        child.kill("SIGKILL"); // The group is gone or not ours: the child alone, then.
      }
    };
    const late = (): void => {
      timedOut = true;
      killGroup();
    };
    const timer = probe.timeoutMs === undefined ? undefined : setTimeout(late, probe.timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", killGroup);
    };
    signal.addEventListener("abort", killGroup);
    // A program may end without having read everything; that is its own affair.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(probe.stdin);
    child.stdout?.on("data", (chunk: Uint8Array) => tail.write(chunk));
    child.stderr?.on("data", (chunk: Uint8Array) => tail.write(chunk));
    child.on("error", (error) => {
      settle();
      reject(new Error(startWords(program, error), { cause: error }));
    });
    child.on("close", (code) => {
      settle();
      resolve({ exitCode: code ?? undefined, timedOut, output: tail.captured() });
    });
  });
}

/** Why a program could not be started, as Go says it. */
function startWords(program: string, error: Error): string {
  const code = "code" in error ? error.code : "";
  if (!program.includes("/")) return `exec: ${JSON.stringify(program)}: executable file not found in $PATH`;
  if (code === "ENOENT") return `fork/exec ${program}: no such file or directory`;
  return code === "EACCES" ? `fork/exec ${program}: permission denied` : error.message;
}
