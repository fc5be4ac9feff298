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

/** How `work` turns out, or `undefined` once one of `signals` aborts; leaves no listener behind. */
export function unlessAborted<Value>(
  work: Promise<Value>,
  signals: readonly AbortSignal[],
): Promise<Value | undefined> {
  if (signals.some((signal) => signal.aborted)) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      for (const signal of signals) signal.removeEventListener("abort", giveUp);
    };
    const giveUp = (): void => {
      leave();
      resolve(undefined);
    };
    for (const signal of signals) signal.addEventListener("abort", giveUp);
    work.then(
      (value) => {
        leave();
        resolve(value);
      },
      (error: Error) => {
        leave();
        reject(error);
      },
    );
  });
}
