/**
 * The log as the core sees it: a tail in memory over the durable part behind a `LogView`.
 *
 *      compacted │ only on disk      │ on disk and in memory │ only in memory
 *     ───────────┼───────────────────┼───────────────────────┼───────────────▶
 *             firstIndex          tailFirst              durableIndex   lastIndex
 *
 * The view is asked only below `tailFirst`, where everything is durable and no cut is pending; so
 * it does not matter how far the disk has come. Writes carry tokens: what a token makes durable
 * shrinks when a later cut removes it again.
 */
import { assert, must } from "../../lib/assert.ts";
import { logIndex, term, type LogIndex, type Term } from "../../lib/log-index.ts";
import type { Entry, LogView } from "./entry.ts";
import type { RaftOptions } from "./options.ts";

/** The part of a `LogWrite` that concerns entries. */
export interface LogDelta {
  readonly restartAfter: LogIndex | undefined;
  readonly truncateFrom: LogIndex | undefined;
  readonly entries: readonly Entry[];
}

interface PendingWrite {
  readonly token: number;
  /** Durable through here once the token is written. */
  through: LogIndex;
}

/** See the file's head. Not shared: one per core. */
export class RaftLog {
  readonly #view: LogView;
  readonly #windowEntriesMax: number;
  readonly #windowBytesMax: number;
  #tail: Entry[] = [];
  #tailFirst: LogIndex;
  #tailBytes = 0;
  #firstIndex: LogIndex;
  #lastIndex: LogIndex;
  #durableIndex: LogIndex;
  /** What the disk will hold once every write handed out so far is done. */
  #handedIndex: LogIndex;
  #cutFrom: LogIndex | undefined;
  #restartAfter: LogIndex | undefined;
  #markIndex: LogIndex;
  #markTerm: Term;
  readonly #pending: PendingWrite[] = [];

  /** `mark` is the end of the newest snapshot; (0, 0) without one. */
  constructor(view: LogView, mark: { index: LogIndex; term: Term }, options: RaftOptions) {
    this.#view = view;
    this.#windowEntriesMax = options.windowEntriesMax;
    this.#windowBytesMax = options.windowBytesMax;
    this.#markIndex = mark.index;
    this.#markTerm = mark.term;
    this.#firstIndex = view.firstIndex;
    this.#lastIndex = logIndex(Math.max(view.lastIndex, view.firstIndex - 1));
    this.#durableIndex = this.#lastIndex;
    this.#handedIndex = this.#lastIndex;
    this.#tailFirst = logIndex(this.#lastIndex + 1);
    if (!this.#followsOnMark()) this.restart(mark);
  }

  /** Oldest entry that can still be read; `lastIndex + 1` when there is none. */
  get firstIndex(): LogIndex {
    return this.#firstIndex;
  }
  /** Newest entry, or the end of the snapshot if that is all there is. */
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }
  get lastTerm(): Term {
    return must(this.termAt(this.#lastIndex), "the end of the log has a term");
  }
  /** Through here the log is on disk (or in the snapshot). */
  get durableIndex(): LogIndex {
    return this.#durableIndex;
  }
  /** Whether a write handed out is not yet durable. */
  get isWriting(): boolean {
    return this.#pending.length > 0;
  }

  /** Term of the entry at `index`, of the snapshot's end, or of "before the log"; undefined if unknown. */
  termAt(index: LogIndex): Term | undefined {
    if (index >= this.#tailFirst) return this.#tail[index - this.#tailFirst]?.term ?? this.#markTermAt(index);
    if (index >= this.#firstIndex) return this.#view.termAt(index) ?? this.#markTermAt(index);
    return this.#markTermAt(index);
  }

  /** Entries `from` … `through`, fewer if a limit is passed, at least one. `from` must be readable. */
  entries(from: LogIndex, through: LogIndex, bytesMax: number): readonly Entry[] {
    assert(from >= this.#firstIndex, "entries are read from the first index on");
    if (from < this.#tailFirst) {
      const end = logIndex(Math.min(through, this.#tailFirst - 1));
      const found = this.#view.entries(from, end, bytesMax);
      assert(found[0]?.index === from, "the view holds what it promised");
      return found;
    }
    const start = from - this.#tailFirst;
    const limit = Math.min(through, this.#lastIndex) - this.#tailFirst + 1;
    let bytes = 0;
    let end = start;
    while (end < limit && (bytes <= bytesMax || end === start)) {
      bytes += must(this.#tail[end], "the tail has no holes").data.length;
      end += 1;
    }
    return this.#tail.slice(start, end);
  }

  /** Adds one entry at the end, in memory; `takeDelta` hands it to the disk. */
  append(entry: Entry): void {
    assert(entry.index === this.#lastIndex + 1, "entries are appended without a gap");
    this.#tail.push(entry);
    this.#tailBytes += entry.data.length;
    this.#lastIndex = entry.index;
  }

  /** Drops `from` and everything after it. */
  truncateFrom(from: LogIndex): void {
    assert(from > this.#markIndex && from >= this.#firstIndex, "a snapshot is never cut");
    const last = logIndex(from - 1);
    if (from <= this.#tailFirst) {
      this.#tail = [];
      this.#tailBytes = 0;
      this.#tailFirst = from;
    } else {
      for (const entry of this.#tail.splice(from - this.#tailFirst)) this.#tailBytes -= entry.data.length;
    }
    this.#lastIndex = last;
    if (this.#handedIndex > last) {
      this.#handedIndex = last;
      this.#cutFrom = from;
    }
    this.#capDurable(last);
  }

  /** Forgets everything: the log goes on after a snapshot that ends at `mark`. */
  restart(mark: { index: LogIndex; term: Term }): void {
    this.#tail = [];
    this.#tailBytes = 0;
    this.#markIndex = mark.index;
    this.#markTerm = mark.term;
    this.#firstIndex = logIndex(mark.index + 1);
    this.#tailFirst = this.#firstIndex;
    this.#lastIndex = mark.index;
    this.#handedIndex = mark.index;
    this.#cutFrom = undefined;
    this.#restartAfter = mark.index;
    // What a pending write still adds will be gone again: none of it may count beyond the mark.
    this.#durableIndex = mark.index;
    for (const write of this.#pending) write.through = mark.index;
  }

  /** Notes a newer snapshot; entries stay until `compact`. */
  setMark(mark: { index: LogIndex; term: Term }): void {
    assert(mark.index >= this.#markIndex, "snapshots only move on");
    this.#markIndex = mark.index;
    this.#markTerm = mark.term;
  }

  /** Forgets entries through `through`, which a snapshot must cover and the disk must hold. */
  compact(through: LogIndex): void {
    assert(
      through <= this.#markIndex && through <= this.#durableIndex,
      "only durable entries under a snapshot go",
    );
    if (through < this.#firstIndex) return;
    this.#firstIndex = logIndex(through + 1);
    if (this.#firstIndex > this.#tailFirst) this.#evict(this.#firstIndex - this.#tailFirst);
  }

  /** Whether `takeDelta` would hand out something. */
  get isDirty(): boolean {
    return (
      this.#lastIndex > this.#handedIndex || this.#cutFrom !== undefined || this.#restartAfter !== undefined
    );
  }

  /** What the disk must do to catch up with memory, as of write `token`. */
  takeDelta(token: number): LogDelta {
    const from = this.#handedIndex + 1 - this.#tailFirst;
    const delta: LogDelta = {
      restartAfter: this.#restartAfter,
      truncateFrom: this.#cutFrom,
      entries: this.#lastIndex > this.#handedIndex ? this.#tail.slice(from) : [],
    };
    this.#restartAfter = undefined;
    this.#cutFrom = undefined;
    this.#handedIndex = this.#lastIndex;
    this.#pending.push({ token, through: this.#lastIndex });
    return delta;
  }

  /** Write `token` and all before it are durable. Unknown tokens are ignored: they were named before. */
  written(token: number): void {
    let next = this.#pending[0];
    while (next !== undefined && next.token <= token) {
      if (next.through > this.#durableIndex) this.#durableIndex = next.through;
      this.#pending.shift();
      next = this.#pending[0];
    }
    this.#trimWindow();
  }

  /** Problems of the structure itself, for tests. */
  problems(): readonly string[] {
    const found: string[] = [];
    if (this.#durableIndex > this.#lastIndex) found.push("durable index lies beyond the log");
    if (this.#firstIndex > this.#markIndex + 1) found.push("entries are missing between snapshot and log");
    if (this.#tailFirst + this.#tail.length !== this.#lastIndex + 1)
      found.push("tail does not reach the last index");
    if (this.#tailFirst > this.#durableIndex + 1) found.push("an entry is neither in memory nor durable");
    return found;
  }

  #markTermAt(index: LogIndex): Term | undefined {
    if (index === this.#markIndex) return this.#markTerm;
    return index === 0 ? term(0) : undefined;
  }

  /** Whether the log continues the snapshot; not so after a crash between installing one and cutting the log. */
  #followsOnMark(): boolean {
    if (this.#lastIndex < this.#markIndex) return false;
    assert(this.#firstIndex <= this.#markIndex + 1, "no entries are missing between snapshot and log");
    if (this.#markIndex < this.#firstIndex) return true;
    return this.#view.termAt(this.#markIndex) === this.#markTerm;
  }

  #capDurable(last: LogIndex): void {
    if (this.#durableIndex > last) this.#durableIndex = last;
    for (const write of this.#pending) {
      if (write.through > last) write.through = last;
    }
  }

  /** Evicts by quarters, so that the array is not shifted for each entry. */
  #trimWindow(): void {
    const durable = this.#durableIndex + 1 - this.#tailFirst;
    const excess = this.#tail.length - this.#windowEntriesMax;
    if (excess > this.#windowEntriesMax / 4) this.#evict(Math.min(durable, excess));
    if (this.#tailBytes <= this.#windowBytesMax * 1.25) return;
    const limit = this.#durableIndex + 1 - this.#tailFirst;
    let bytes = this.#tailBytes;
    let count = 0;
    while (count < limit && bytes > this.#windowBytesMax) {
      bytes -= must(this.#tail[count], "the tail has no holes").data.length;
      count += 1;
    }
    this.#evict(count);
  }

  #evict(count: number): void {
    if (count <= 0) return;
    for (const entry of this.#tail.splice(0, count)) this.#tailBytes -= entry.data.length;
    this.#tailFirst = logIndex(this.#tailFirst + count);
  }
}
