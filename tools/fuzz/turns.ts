/** Lets promises settle and deferred work happen within a call, so that an input is over when it returns. */
import { drainMicrotasks } from "bun:jsc";

const turnsMax = 10_000;

export class Turns {
  #deferred: (() => void)[] = [];

  /** In place of `setImmediate`. */
  readonly defer = (run: () => void): void => {
    this.#deferred.push(run);
  };

  /** Until nothing is left to do but wait for time. Throws if that takes without end. */
  run(): void {
    for (let turn = 0; turn < turnsMax; turn += 1) {
      drainMicrotasks();
      const due = this.#deferred;
      if (due.length === 0) return;
      this.#deferred = [];
      for (const one of due) one();
    }
    throw new Error(`still busy after ${turnsMax} turns`);
  }
}
