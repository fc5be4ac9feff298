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
    const child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let timedOut = false;
    const killGroup = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        child.kill("SIGKILL"); // The group is gone or not ours: the child alone, then.
      }
    };
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup();
    }, probe.timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", killGroup);
    };
    signal.addEventListener("abort", killGroup);
    child.stdout.on("data", (chunk: Uint8Array) => tail.write(chunk));
    child.stderr.on("data", (chunk: Uint8Array) => tail.write(chunk));
    child.on("error", (error) => {
      settle();
      const missing = "code" in error && error.code === "ENOENT";
      const text = `exec: ${JSON.stringify(program)}: executable file not found in $PATH`;
      reject(missing ? new Error(text, { cause: error }) : error);
    });
    child.on("close", (code) => {
      settle();
      resolve({ exitCode: code ?? undefined, timedOut, output: tail.captured() });
    });
  });
}
