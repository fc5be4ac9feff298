/**
 * The part of the log that is in the journal and not yet in LMDB, and the bounds of the whole.
 *
 * Entries in it stand before those of LMDB with the same index; bounds hide what LMDB still holds of a log
 * that was cut. So commits may be moved at leisure, and nobody sees a difference.
 */
import { assert, must } from "../lib/assert.ts";
import type { Entry, HardState } from "../raft/core/entry.ts";
import type { JournaledCommit } from "./log-journal.ts";
import type { LoggedCommit } from "./log-journal-record.ts";
import { boundsAfter, type LogBounds } from "./log-plan.ts";

/** Limits of one move, so that it does not hold up the loop for long (measured: 3 µs an entry). */
const moveEntriesMax = 512;
const moveBytesMax = 524_288;

export class LogTail {
  #bounds: LogBounds;
  #hardState: HardState;
  readonly #entries = new Map<number, Entry>();
  #waiting: JournaledCommit[] = [];

  constructor(stored: LogBounds & { readonly hardState: HardState }) {
    this.#bounds = stored;
    this.#hardState = stored.hardState;
  }

  get bounds(): LogBounds {
    return this.#bounds;
  }
  get hardState(): HardState {
    return this.#hardState;
  }

  /** The entry if it is here. */
  entry(index: number): Entry | undefined {
    return this.#entries.get(index);
  }

  /** Takes a commit that the journal holds and that fits. */
  add(journaled: JournaledCommit): void {
    const { commit } = journaled;
    const after = must(boundsAfter(this.#bounds, commit), "a commit follows on what is there");
    for (const change of commit.changes) {
      if (change.hardState !== undefined) this.#hardState = change.hardState;
      if (change.restartAfter !== undefined) this.#entries.clear();
      if (change.truncateFrom !== undefined) this.#cut(change.truncateFrom);
      for (const { entry } of change.entries) this.#entries.set(entry.index, entry);
    }
    if (commit.compactThrough !== undefined) {
      for (let index: number = this.#bounds.firstIndex; index < after.firstIndex; index += 1)
        this.#entries.delete(index);
    }
    this.#bounds = after;
    this.#waiting.push(journaled);
  }

  /** The oldest commits through `sequence`, as many as one move takes; empty when there are none. */
  next(sequence: number): readonly JournaledCommit[] {
    let count = 0;
    let entries = 0;
    let bytes = 0;
    for (const one of this.#waiting) {
      if (one.sequence > sequence || entries >= moveEntriesMax || bytes >= moveBytesMax) break;
      count += 1;
      // Removing costs as much as putting.
      entries += one.commit.entryCount + (one.commit.compactThrough === undefined ? 0 : moveEntriesMax);
      bytes += one.commit.bytes;
    }
    return this.#waiting.slice(0, count);
  }

  /** Forgets commits that `next` gave and that LMDB now has. */
  moved(commits: readonly JournaledCommit[]): void {
    assert(this.#waiting[0] === commits[0], "the oldest commits are moved first");
    this.#waiting = this.#waiting.slice(commits.length);
    for (const { commit } of commits) this.#forget(commit);
  }

  #forget(commit: LoggedCommit): void {
    for (const { entries } of commit.changes) {
      for (const { entry } of entries) {
        // Another entry may have taken its place meanwhile.
        if (this.#entries.get(entry.index) === entry) this.#entries.delete(entry.index);
      }
    }
  }

  #cut(from: number): void {
    if (this.#entries.size === 0) return;
    for (const index of this.#entries.keys()) if (index >= from) this.#entries.delete(index);
  }
}
