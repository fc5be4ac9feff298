/**
 * What commits do to a log of known bounds, worked out in memory.
 *
 * `boundsAfter` says whether a commit fits; `LogPlan` folds any number of them into the least that must be written:
 * an entry that a later commit cuts away or compacts is never put.
 */
import { assert } from "../lib/assert.ts";
import { logIndex, type LogIndex } from "../lib/log-index.ts";
import type { HardState } from "../raft/core/entry.ts";
import type { LoggedChange, LoggedCommit } from "./log-journal-record.ts";

/** Of the oldest and the newest entry; an empty log has `lastIndex` = `firstIndex` − 1. */
export interface LogBounds {
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
}

/** The bounds when `commit` is done; undefined if it does not follow on what is there. */
export function boundsAfter(bounds: LogBounds, commit: LoggedCommit): LogBounds | undefined {
  let first: number = bounds.firstIndex;
  let last: number = bounds.lastIndex;
  for (const { restartAfter, truncateFrom, entries } of commit.changes) {
    if (restartAfter !== undefined) {
      first = restartAfter + 1;
      last = restartAfter;
    }
    if (truncateFrom !== undefined && truncateFrom <= last) {
      if (truncateFrom < first) return undefined;
      last = truncateFrom - 1;
    }
    for (const { entry } of entries) {
      if (entry.index !== last + 1) return undefined;
      last += 1;
    }
  }
  const through = Math.min(commit.compactThrough ?? 0, last);
  return { firstIndex: logIndex(Math.max(first, through + 1)), lastIndex: logIndex(last) };
}

/** The net effect of commits, added in order. */
export class LogPlan {
  firstIndex: LogIndex;
  lastIndex: LogIndex;
  hardState: HardState | undefined;
  /** Encoded entries to put, by index. */
  readonly additions = new Map<number, Uint8Array>();
  /** Ranges of stored entries to remove before that, both ends included. */
  readonly removals: (readonly [number, number])[] = [];
  /** Of the stored entries that no change has touched. */
  #storedFirst: number;
  #storedLast: number;

  constructor({ firstIndex, lastIndex }: LogBounds) {
    this.firstIndex = firstIndex;
    this.lastIndex = lastIndex;
    this.#storedFirst = firstIndex;
    this.#storedLast = lastIndex;
  }

  add(commit: LoggedCommit): void {
    for (const change of commit.changes) this.#change(change);
    this.#compact(commit.compactThrough);
  }

  #change(change: LoggedChange): void {
    if (change.hardState !== undefined) this.hardState = change.hardState;
    if (change.restartAfter !== undefined) {
      this.#cut(this.firstIndex);
      this.lastIndex = change.restartAfter;
      this.firstIndex = logIndex(change.restartAfter + 1);
    }
    if (change.truncateFrom !== undefined && change.truncateFrom <= this.lastIndex) {
      assert(change.truncateFrom >= this.firstIndex, "only entries that are present are cut");
      this.#cut(change.truncateFrom);
      this.lastIndex = logIndex(change.truncateFrom - 1);
    }
    for (const { entry, encoded } of change.entries) {
      assert(entry.index === this.lastIndex + 1, "entries follow on what is there");
      this.additions.set(entry.index, encoded);
      this.lastIndex = entry.index;
    }
  }

  #compact(through: LogIndex | undefined): void {
    if (through === undefined || through < this.firstIndex) return;
    const end = logIndex(Math.min(through, this.lastIndex));
    this.#remove(this.#storedFirst, Math.min(end, this.#storedLast));
    this.#storedFirst = Math.max(this.#storedFirst, end + 1);
    for (let index: number = this.firstIndex; index <= end; index += 1) this.additions.delete(index);
    this.firstIndex = logIndex(end + 1);
  }

  /** Drops everything from `from` on. */
  #cut(from: number): void {
    this.#remove(Math.max(from, this.#storedFirst), this.#storedLast);
    this.#storedLast = Math.min(this.#storedLast, from - 1);
    for (let index = from; index <= this.lastIndex; index += 1) this.additions.delete(index);
  }

  #remove(from: number, through: number): void {
    if (from <= through) this.removals.push([from, through]);
  }
}
