/** A log store that forgets everything with the process: for `-dev`, tests and the simulator. */
import { assert, must } from "../../lib/assert.ts";
import { logIndex, term, type LogIndex, type Term } from "../../lib/log-index.ts";
import type { Entry, HardState } from "../core/entry.ts";
import type { LogChange, LogCommit, LogStore } from "./log-store.ts";

/** Closing keeps the contents, so that a test may open a node on it again. */
export class MemoryLogStore implements LogStore {
  #hardState: HardState = { term: term(0), votedFor: undefined };
  /** Index before the first entry. */
  #base = 0;
  #entries: Entry[] = [];

  get hardState(): HardState {
    return this.#hardState;
  }
  get firstIndex(): LogIndex {
    return logIndex(this.#base + 1);
  }
  get lastIndex(): LogIndex {
    return logIndex(this.#base + this.#entries.length);
  }

  termAt(index: LogIndex): Term | undefined {
    return this.#entries[index - this.#base - 1]?.term;
  }

  entries(from: LogIndex, through: LogIndex, bytesMax: number): readonly Entry[] {
    const found: Entry[] = [];
    let bytes = 0;
    for (
      let index: number = from;
      index <= through && (bytes <= bytesMax || found.length === 0);
      index += 1
    ) {
      const entry = this.#entries[index - this.#base - 1];
      if (entry === undefined) break;
      found.push(entry);
      bytes += entry.data.length;
    }
    return found;
  }

  commit(commit: LogCommit): Promise<void> {
    for (const change of commit.changes) this.#change(change);
    const compact = commit.compactThrough;
    if (compact !== undefined && compact > this.#base) {
      const through = Math.min(compact, this.lastIndex);
      this.#entries.splice(0, through - this.#base);
      this.#base = through;
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #change(change: LogChange): void {
    if (change.hardState !== undefined) this.#hardState = change.hardState;
    if (change.restartAfter !== undefined) {
      this.#entries = [];
      this.#base = change.restartAfter;
    }
    if (change.truncateFrom !== undefined && change.truncateFrom <= this.lastIndex) {
      assert(change.truncateFrom > this.#base, "only entries that are present are cut");
      this.#entries.length = change.truncateFrom - this.#base - 1;
    }
    if (change.entries.length === 0) return;
    const first = must(change.entries[0], "the list is not empty");
    assert(first.index === this.lastIndex + 1, "entries follow on what is there");
    for (const entry of change.entries) this.#entries.push(entry);
  }
}
