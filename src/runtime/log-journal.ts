/**
 * The journal in front of LMDB: commits go to one of two files in turn, one write and one sync each.
 *
 *     active   │rec 41│rec 42│rec 43   │…zeros or older records…│   commits are added here
 *     sealed   │rec 1 │ …    │rec 40│                               being moved to LMDB; then it is free
 *
 * When the active file is full the other one, once free, becomes active. Recovery walks each file from its
 * beginning while sequences follow one another and sums are right. What ends a walk:
 *   - a record that was being written when the process or the machine died: nobody was told of it, so it is cut off;
 *   - a record of an earlier use of the file: its sequence is lower.
 * A newer record further behind is neither: one that was acknowledged is damaged, and the store is refused. That
 * cannot be told of the very last record, which then looks as if it had never been finished.
 */
import { assert } from "../lib/assert.ts";
import { StorageError } from "../lib/storage-error.ts";
import type { EntryCodec } from "../raft/node/log-store.ts";
import type { JournalFile } from "./log-journal-file.ts";
import {
  blockBytes,
  decodeRecord,
  decodeRecordHead,
  isIntact,
  RecordWriter,
  type LoggedCommit,
  type RecordHead,
} from "./log-journal-record.ts";

/** Files grow by this with zeros, so that later writes into it change no metadata. */
const growBytes = 1_048_576;
/** A file with this much in it is full. */
const fullBytesDefault = 2 * growBytes;
/** Reading for leftovers goes in steps of this. */
const scanBytes = growBytes;

/**
 * Above either of these a write goes to another thread. Measured: 95 µs on this one, 150 µs by way of another; with
 * few clients that is the whole wait, with many the loop has the next requests to read meanwhile.
 */
const holdUpBytesMax = 32_768;
const holdUpEntriesMax = 48;
/** A write that took longer sends the next one to another thread. */
const slowWriteMs = 2;

export interface JournalOptions {
  readonly files: readonly [JournalFile, JournalFile];
  /** For messages. */
  readonly path: string;
  readonly nonce: Uint8Array;
  /** Commits through this sequence are in LMDB. */
  readonly movedThrough: number;
  readonly codec: EntryCodec;
  /** A file with this much in it is full; for tests. */
  readonly fullBytes?: number;
}

/** A commit that was found in the journal and is not yet in LMDB. */
export interface JournaledCommit {
  readonly sequence: number;
  readonly commit: LoggedCommit;
}

/** What opening a journal found. */
export interface OpenedJournal {
  readonly journal: Journal;
  /** In order, without gaps. */
  readonly commits: readonly JournaledCommit[];
}

/** One file and where the next record goes. */
interface Place {
  readonly file: JournalFile;
  end: number;
  /** Of the newest record in it; 0: none. */
  last: number;
}

/** See the file's head. One write at a time. */
export class Journal {
  readonly #writer: RecordWriter;
  readonly #fullBytes: number;
  #active: Place;
  #other: Place;
  #sequence: number;
  #movedThrough: number;
  #lastWriteMs = 0;

  constructor(options: JournalOptions, places: { active: Place; other: Place }) {
    this.#writer = new RecordWriter(options.nonce);
    this.#fullBytes = options.fullBytes ?? fullBytesDefault;
    this.#movedThrough = options.movedThrough;
    this.#active = places.active;
    this.#other = places.other;
    this.#sequence = Math.max(options.movedThrough, places.active.last);
  }

  /** Of the newest commit, here or in LMDB. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The active file should be left for the other one. */
  get isFull(): boolean {
    return this.#active.end >= this.#fullBytes;
  }

  /** The newest commit of the file that waits for being moved; undefined when it is free. */
  get sealedThrough(): number | undefined {
    return this.#other.last > this.#movedThrough ? this.#other.last : undefined;
  }

  /** Tells that commits through here are durable in LMDB. */
  moved(through: number): void {
    assert(through >= this.#movedThrough && through <= this.#sequence, "commits are moved in order");
    this.#movedThrough = through;
  }

  /** Goes on in the other file, which must be free. */
  rotate(): void {
    assert(this.sealedThrough === undefined, "only commits that LMDB has are overwritten");
    const next = this.#other;
    this.#other = this.#active;
    this.#active = next;
    next.end = 0;
    next.last = 0;
    // One large commit has made it grow.
    if (next.file.size > this.#fullBytes + growBytes) next.file.truncate(this.#fullBytes);
  }

  /**
   * Writes a commit. `undefined`: it is durable already; otherwise when the promise resolves. Throws or rejects
   * with what the system says; the journal is of no use then.
   */
  append(commit: LoggedCommit): Promise<void> | undefined {
    const record = this.#writer.encode(this.#sequence + 1, commit);
    const bytes = this.#withGrowth(record);
    const place = this.#active;
    const startMs = performance.now();
    const done = (): void => {
      this.#lastWriteMs = performance.now() - startMs;
      this.#sequence += 1;
      place.last = this.#sequence;
      place.end += record.length;
    };
    if (
      bytes.length > holdUpBytesMax ||
      commit.entryCount > holdUpEntriesMax ||
      this.#lastWriteMs > slowWriteMs
    ) {
      return place.file.write(place.end, bytes).then(done);
    }
    place.file.writeNow(place.end, bytes);
    done();
    return undefined;
  }

  close(): void {
    this.#active.file.close();
    this.#other.file.close();
  }

  /** The record, followed by zeros if the file must grow for it. */
  #withGrowth(record: Uint8Array): Uint8Array {
    const { file, end } = this.#active;
    if (end + record.length <= file.size) return record;
    const grown = new Uint8Array(Math.ceil((end + record.length) / growBytes) * growBytes - end);
    grown.set(record);
    return grown;
  }
}

/** Reads both files. Throws `StorageError` "corrupt" when an acknowledged commit is damaged or missing. */
export function openJournal(options: JournalOptions): OpenedJournal {
  const [a, b] = options.files.map((file) => walk(file, options)) as [Walk, Walk];
  const live = [a, b].filter((one) => one.place.last > options.movedThrough);
  live.sort((x, y) => x.first - y.first);
  let expected = options.movedThrough + 1;
  for (const { first, place } of live) {
    if (first > expected) throw damaged(options.path, `commits ${expected} to ${first - 1} are missing`);
    expected = place.last + 1;
  }
  const active = live.at(-1) ?? a;
  const other = active === a ? b : a;
  // Nothing in it is needed.
  if (live.length === 0) active.place.end = 0;
  const journal = new Journal(options, { active: active.place, other: other.place });
  return { journal, commits: live.flatMap(({ commits }) => commits) };
}

interface Walk {
  readonly place: Place;
  /** Sequence of the first record; 0: none. */
  readonly first: number;
  /** Those that are not in LMDB. */
  readonly commits: readonly JournaledCommit[];
}

function walk(file: JournalFile, options: JournalOptions): Walk {
  const { nonce, movedThrough, codec, path } = options;
  const commits: JournaledCommit[] = [];
  const place: Place = { file, end: 0, last: 0 };
  let first = 0;
  for (;;) {
    const found = readRecord(file, place.end, nonce);
    if (found === undefined) break;
    const { head, record } = found;
    if (first !== 0 && head.sequence !== place.last + 1) {
      if (head.sequence < place.last) break;
      throw damaged(path, `commit ${place.last + 1} is missing`);
    }
    if (first === 0) first = head.sequence;
    if (head.sequence > movedThrough) {
      commits.push({ sequence: head.sequence, commit: decodeRecord(record, head, codec) });
    }
    place.last = head.sequence;
    place.end += Math.ceil(head.length / blockBytes) * blockBytes;
  }
  const newest = newestBehind(file, place.end + blockBytes, nonce);
  if (newest > Math.max(place.last, movedThrough)) {
    throw damaged(path, `commit ${place.last + 1} cannot be read, but commit ${newest} behind it is there`);
  }
  return { place, first, commits };
}

/** An intact record at `at`; undefined if there is none. */
function readRecord(
  file: JournalFile,
  at: number,
  nonce: Uint8Array,
): { readonly head: RecordHead; readonly record: Uint8Array } | undefined {
  const block = file.read(at, blockBytes);
  const head = decodeRecordHead(block, nonce);
  if (head === undefined || head.length > file.size - at) return undefined;
  const record = head.length <= block.length ? block.subarray(0, head.length) : file.read(at, head.length);
  return isIntact(record, head) ? { head, record } : undefined;
}

/** The highest sequence in a head of a record at or behind `from`. */
function newestBehind(file: JournalFile, from: number, nonce: Uint8Array): number {
  let newest = 0;
  for (let at = from; at < file.size; at += scanBytes) {
    const bytes = file.read(at, scanBytes);
    for (let block = 0; block < bytes.length; block += blockBytes) {
      const head = decodeRecordHead(bytes.subarray(block, block + blockBytes), nonce);
      if (head !== undefined) newest = Math.max(newest, head.sequence);
    }
  }
  return newest;
}

function damaged(path: string, what: string): StorageError {
  return new StorageError("corrupt", `the journal of the raft log in ${path} is damaged: ${what}`);
}
