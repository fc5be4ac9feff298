import type { ReadOptions } from "./http-client.ts";
import { KeptSession } from "./session.ts";
import { untilLost, type LockOptions } from "./shared-lock.ts";

/** A lock that was taken: its session, and whether it is still held. */
export class LockHold {
  readonly session: KeptSession;
  readonly #lost = new AbortController();
  readonly #over = new AbortController();
  readonly #watching: Promise<void>;

  constructor(
    options: LockOptions,
    session: KeptSession,
    holds: (reading: ReadOptions) => Promise<{ readonly holds: boolean; readonly index: string }>,
  ) {
    this.session = session;
    const lose = (): void => this.#lost.abort();
    if (session.expired.aborted) lose();
    session.expired.addEventListener("abort", lose);
    this.#watching = untilLost(options, this.#over.signal, holds).then(lose);
  }

  /** Aborts when the lock is no longer held. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Stops watching; the session stays. */
  async stopWatching(): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }
}
