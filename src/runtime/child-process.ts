/** Children of the command line: what `watch` and `lock` run, on this process's own output. */
import { spawn, type ChildProcess } from "node:child_process";
import type { ChildEnd, ChildSpec, RunningChild } from "../cli/host.ts";
import { ChildError } from "../lib/child-error.ts";

/** Signals by Go's names; others keep the system's. */
const goSignals: Readonly<Record<string, string>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGILL: "illegal instruction",
  SIGTRAP: "trace/breakpoint trap",
  SIGABRT: "aborted",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGKILL: "killed",
  SIGUSR1: "user defined signal 1",
  SIGSEGV: "segmentation fault",
  SIGUSR2: "user defined signal 2",
  SIGPIPE: "broken pipe",
  SIGALRM: "alarm clock",
  SIGTERM: "terminated",
};

const startTexts: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  ENOENT: "no such file or directory",
  ENOEXEC: "exec format error",
  E2BIG: "argument list too long",
  ENOMEM: "cannot allocate memory",
  EAGAIN: "resource temporarily unavailable",
};

function startError(program: string, cause: unknown): ChildError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "ENOENT" && !program.includes("/")) {
    const text = `exec: ${JSON.stringify(program)}: executable file not found in $PATH`;
    return new ChildError(text, { cause });
  }
  const why = startTexts[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new ChildError(`fork/exec ${program}: ${why}`, { cause });
}

/** Starts a child. Rejects with `ChildError`. */
export async function spawnChild(spec: ChildSpec): Promise<RunningChild> {
  const [program, ...args] = spec.argv;
  if (program === undefined || program === "") throw new ChildError("need an executable to run");
  const child = begin(program, args, spec);
  // Listened for before anything is waited for: a child may end at once.
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once("exit", (code, signal) => resolve(toEnd(code, signal)));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", () => resolve());
    child.once("error", (error) => reject(startError(program, error)));
  });
  if (spec.stdin.kind === "bytes" && child.stdin !== null) {
    // A child may end without having read everything; that is its own affair.
    child.stdin.on("error", () => undefined);
    child.stdin.end(spec.stdin.bytes);
  }
  return {
    pid: child.pid ?? 0,
    ended,
    signal: (name) => void child.kill(name),
  };
}

function begin(program: string, args: readonly string[], spec: ChildSpec): ChildProcess {
  try {
    return spawn(program, args, {
      env: { ...process.env, ...spec.env },
      stdio: [stdinOf(spec), "inherit", "inherit"],
    });
  } catch (error) {
    throw startError(program, error);
  }
}

function stdinOf(spec: ChildSpec): "ignore" | "inherit" | "pipe" {
  switch (spec.stdin.kind) {
    case "none":
      return "ignore";
    case "inherit":
      return "inherit";
    case "bytes":
      return "pipe";
  }
}

function toEnd(code: number | null, signal: string | null): ChildEnd {
  if (code !== null) return { kind: "exit", code };
  const name = signal ?? "";
  return { kind: "signal", signal: goSignals[name] ?? `signal ${name}` };
}
