/** What serf does again and again. */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { SerfContext } from "./serf-context.ts";

type Chore = "reap" | "reconnect" | "queueCheck";

export class SerfTimers {
  readonly #context: SerfContext;
  readonly #chores: Readonly<Record<Chore, () => void>>;
  readonly #dueMs: Record<Chore, number>;

  constructor(context: SerfContext, chores: Readonly<Record<Chore, () => void>>) {
    this.#context = context;
    this.#chores = chores;
    this.#dueMs = {
      reap: this.#after("reap"),
      reconnect: this.#after("reconnect"),
      queueCheck: this.#after("queueCheck"),
    };
  }

  /** When the next chore is due. */
  get nextMs(): MonotonicMs {
    return Math.min(...Object.values(this.#dueMs)) as MonotonicMs;
  }

  /** Does what is due, each once, however late it is. */
  fire(): void {
    for (const chore of Object.keys(this.#dueMs) as Chore[]) {
      if (this.#dueMs[chore] > this.#context.nowMs) continue;
      this.#dueMs[chore] = this.#after(chore);
      this.#chores[chore]();
    }
  }

  #after(chore: Chore): number {
    const { reapIntervalMs, reconnectIntervalMs, queueCheckIntervalMs } = this.#context.options;
    const intervals = {
      reap: reapIntervalMs,
      reconnect: reconnectIntervalMs,
      queueCheck: queueCheckIntervalMs,
    };
    return this.#context.nowMs + intervals[chore];
  }
}
