/**
 * Group commit: writes that arrive while a commit is under way share the next one.
 *
 *     push ─▶ waiting ──(one commit at a time)──▶ store ─▶ onWritten(newest token) ─▶ held actions
 */
import type { LogIndex } from "../../lib/log-index.ts";
import type { LogWrite } from "../core/effects.ts";
import type { LogStore } from "./log-store.ts";

/** Entries dropped in one commit, so that compaction never holds up a write for long. */
const compactEntriesMax = 2_048;

const ignore = (): void => undefined;

export interface CommitEvents {
  /** Everything through `token` is durable. */
  written(token: number): void;
  /** The store is of no use any more. */
  failed(error: unknown): void;
}

export class CommitQueue {
  readonly #store: LogStore;
  readonly #events: CommitEvents;
  #waiting: LogWrite[] = [];
  #held: { readonly token: number; readonly run: () => void; readonly drop: () => void }[] = [];
  #issued = 0;
  #durable = 0;
  #compactThrough = 0;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #isStopped = false;

  constructor(store: LogStore, events: CommitEvents) {
    this.#store = store;
    this.#events = events;
  }

  /** Adds a write; `start` sets it off. */
  push(write: LogWrite): void {
    this.#waiting.push(write);
    this.#issued = write.token;
  }

  /** Lets the store forget entries, bit by bit, after the writes issued so far. */
  compact(through: LogIndex): void {
    if (through > this.#compactThrough) this.#compactThrough = through;
  }

  /** Runs `run` when everything pushed so far is durable, at once if it is; `drop` if that never comes. */
  afterWrites(run: () => void, drop: () => void = ignore): void {
    if (this.#durable >= this.#issued) run();
    else if (this.#isStopped) drop();
    else this.#held.push({ token: this.#issued, run, drop });
  }

  /** Begins a commit unless one is under way. */
  start(): void {
    if (this.#isRunning || this.#isStopped || !this.#hasWork()) return;
    this.#isRunning = true;
    this.#running = this.#run().catch((error: unknown) => {
      this.#halt();
      this.#events.failed(error);
    });
  }

  /** Starts nothing more and waits for the commit under way. */
  async stop(): Promise<void> {
    this.#halt();
    await this.#running;
  }

  #halt(): void {
    this.#isStopped = true;
    for (const held of this.#held.splice(0)) held.drop();
  }

  #hasWork(): boolean {
    return this.#waiting.length > 0 || this.#compactThrough >= this.#store.firstIndex;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped && this.#hasWork()) {
      const writes = this.#waiting;
      this.#waiting = [];
      const newest = writes.at(-1)?.token;
      await this.#store.commit({ changes: writes, compactThrough: this.#nextCompaction() });
      if (newest === undefined) continue;
      this.#durable = newest;
      this.#release();
      this.#events.written(newest);
    }
    // At once and not when the promise settles: what comes in between would never be started.
    this.#isRunning = false;
  }

  /** A bounded step towards `compactThrough`; never beyond what the store holds. */
  #nextCompaction(): LogIndex | undefined {
    const { firstIndex, lastIndex } = this.#store;
    const through = Math.min(this.#compactThrough, firstIndex - 1 + compactEntriesMax, lastIndex);
    if (through >= firstIndex) return through as LogIndex;
    // Everything that was to go is gone already.
    this.#compactThrough = 0;
    return undefined;
  }

  #release(): void {
    let count = 0;
    while (count < this.#held.length && (this.#held[count]?.token ?? 0) <= this.#durable) count += 1;
    for (const held of this.#held.splice(0, count)) held.run();
  }
}
