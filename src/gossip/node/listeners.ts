import type { Log } from "../../lib/log.ts";
import { textOf } from "./network-text.ts";

/** Those who want to be told. One that throws is logged, and does not keep the others from hearing. */
export class Listeners<T> {
  readonly #log: Log;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Disposing stops it. */
  add(listener: (value: T) => void): Disposable {
    // Wrapped, so that one function may listen twice and stop once.
    const own = (value: T): void => listener(value);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  tell(value: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(value);
      } catch (error) {
        this.#log.error(`a listener failed: ${textOf(error)}`);
      }
    }
  }
}
