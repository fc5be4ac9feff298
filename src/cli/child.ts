/** Children of a command, as the reference runs them. */
import { unreachable } from "../lib/assert.ts";
import type { ChildEnd, CliHost, InterruptSignal, RunningChild } from "./host.ts";

/** Program and arguments for `words`: as they are, or as one line for the user's shell. */
export function childArgv(host: CliHost, words: readonly string[], shell: boolean): readonly string[] {
  if (!shell) return words;
  const own = host.env["SHELL"] ?? "";
  return [own === "" ? "/bin/sh" : own, "-c", words.join(" ")];
}

/** How a child ended, in Go's words; `undefined` if it ended well. */
export function endProblem(end: ChildEnd): string | undefined {
  switch (end.kind) {
    case "exit":
      return end.code === 0 ? undefined : `exit status ${end.code}`;
    case "signal":
      return `signal: ${end.signal}`;
    default:
      return unreachable(end);
  }
}

/**
 * The interrupts of a command that has children: the first asks the command to stop, and each is passed on
 * to the child that runs at the time.
 */
export class Interrupts implements Disposable {
  readonly #stop = new AbortController();
  readonly #watching: Disposable;
  #child: RunningChild | undefined;

  constructor(host: CliHost) {
    this.#watching = host.onInterrupt((signal) => this.#interrupted(signal));
  }

  /** Aborts at the first interrupt. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Passes interrupts on to `child` until it has ended. */
  attach(child: RunningChild): void {
    this.#child = child;
    void child.ended.then(() => {
      if (this.#child === child) this.#child = undefined;
    });
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]();
  }

  #interrupted(signal: InterruptSignal): void {
    this.#child?.signal(signal);
    this.#stop.abort();
  }
}

/** Resolves when `signal` aborts; at once if it has. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
