/**
 * The Raft log on disk: a journal that takes commits with one sync, and LMDB behind it.
 *
 *     commit ─▶ journal (durable: acknowledged) ─▶ tail in memory ──(bit by bit, when a file is full)──▶ LMDB
 *
 * LMDB alone syncs twice a commit. What was acknowledged is in the journal or in LMDB at every moment: a file of
 * the journal is overwritten only when LMDB holds all of it, and LMDB remembers, in the same transaction, how far
 * it got, so that recovery neither skips nor repeats. A clean end leaves everything in LMDB.
 */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { assert, must } from "../lib/assert.ts";
import type { Log } from "../lib/log.ts";
import type { LogIndex, Term } from "../lib/log-index.ts";
import { StorageError } from "../lib/storage-error.ts";
import type { Entry, HardState } from "../raft/core/entry.ts";
import type { EntryCodec, LogCommit, LogStore } from "../raft/node/log-store.ts";
import { lockFile } from "./lmdb-dir-lock.ts";
import { LmdbLogTable, type LogTable } from "./lmdb-log-table.ts";
import { openJournalFile, syncDirectory, type JournalFile } from "./log-journal-file.ts";
import { openJournal, type Journal } from "./log-journal.ts";
import { toLoggedCommit } from "./log-journal-record.ts";
import { boundsAfter, LogPlan } from "./log-plan.ts";
import { toLogStoreError } from "./log-store-error.ts";
import { LogTail } from "./log-tail.ts";

/** The journal's files, beside LMDB's. */
const journalNames = ["journal-a", "journal-b"] as const;

export interface LmdbLogStoreOptions {
  /** Directory, made if it is missing; this process alone uses it. */
  readonly path: string;
  readonly codec: EntryCodec;
  readonly log: Log;
}

/** Opens or makes a store. Rejects with `StorageError`: locked, read-only, full, corrupt, failed. */
export async function openLmdbLogStore(options: LmdbLogStoreOptions): Promise<LogStore> {
  const { path, log } = options;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = await lockFile(join(path, "process.lock"));
    if (lock.kind === "held") {
      throw new StorageError(
        "locked",
        `another process uses the raft log in ${path}: is an agent running on this data directory?`,
      );
    }
    if (lock.kind === "unsupported")
      log.warn("this system cannot lock the raft log against a second agent", { path });
    const release = lock.kind === "locked" ? lock.release : (): void => undefined;
    try {
      return await openOnDisk(options, release);
    } catch (error) {
      release();
      throw error;
    }
  } catch (error) {
    throw toLogStoreError(error, path);
  }
}

async function openOnDisk(options: LmdbLogStoreOptions, release: () => void): Promise<LogStore> {
  const { path } = options;
  const table = new LmdbLogTable(path);
  const opened: JournalFile[] = [];
  try {
    const paths = journalNames.map((name) => join(path, name));
    let nonce = table.journalNonce();
    if (nonce === undefined) {
      // The nonce is older than the files, so LMDB's file was removed or replaced, and acknowledged commits with it.
      if (paths.some((one) => existsSync(one) && statSync(one).size > 0)) {
        throw new StorageError(
          "corrupt",
          `the raft log in ${path} has a journal that belongs to another data.mdb`,
        );
      }
      nonce = table.makeJournalNonce();
    }
    for (const one of paths) opened.push(openJournalFile(one));
    for (const directory of [path, dirname(path)]) syncDirectory(directory);
    const [first, second] = opened;
    const files = [must(first, "two files"), must(second, "two files")] as const;
    return openJournaledLogStore({ ...options, table, files, nonce, release });
  } catch (error) {
    for (const file of opened) file.close();
    await table.close();
    throw error;
  }
}

/** What a journaled store is made of; all of it is the store's once it is open. */
export interface JournaledLogStoreParts extends LmdbLogStoreOptions {
  readonly table: LogTable;
  readonly files: readonly [JournalFile, JournalFile];
  readonly nonce: Uint8Array;
  /** For tests: see `JournalOptions`. */
  readonly fullBytes?: number;
  /** Called last, when everything is closed. */
  release(): void;
}

/** Joins table and journal. Throws `StorageError` "corrupt" when they do not fit together. */
export function openJournaledLogStore(parts: JournaledLogStoreParts): LogStore {
  const { table, path, log } = parts;
  const { journal, commits } = openJournal({ ...parts, movedThrough: table.movedThrough });
  const tail = new LogTail(table);
  for (const one of commits) {
    if (boundsAfter(tail.bounds, one.commit) === undefined) {
      const text = `the journal of the raft log in ${path} does not follow on data.mdb at commit ${one.sequence}`;
      throw new StorageError("corrupt", text);
    }
    tail.add(one);
  }
  if (commits.length > 0) log.info("found commits in the journal", { commits: commits.length, path });
  return new LmdbLogStore(parts, journal, tail);
}

class LmdbLogStore implements LogStore {
  readonly #parts: JournaledLogStoreParts;
  readonly #table: LogTable;
  readonly #journal: Journal;
  readonly #tail: LogTail;
  /** Never rejects: a failure is kept for the next commit. */
  #moving: Promise<void> = Promise.resolve();
  #failure: StorageError | undefined;

  constructor(parts: JournaledLogStoreParts, journal: Journal, tail: LogTail) {
    this.#parts = parts;
    this.#table = parts.table;
    this.#journal = journal;
    this.#tail = tail;
    this.#startMoving();
  }

  get hardState(): HardState {
    return this.#tail.hardState;
  }
  get firstIndex(): LogIndex {
    return this.#tail.bounds.firstIndex;
  }
  get lastIndex(): LogIndex {
    return this.#tail.bounds.lastIndex;
  }

  termAt(index: LogIndex): Term | undefined {
    if (index < this.firstIndex || index > this.lastIndex) return undefined;
    return this.#entry(index).term;
  }

  entries(from: LogIndex, through: LogIndex, bytesMax: number): readonly Entry[] {
    const found: Entry[] = [];
    if (from < this.firstIndex) return found;
    const end = Math.min(through, this.lastIndex);
    let bytes = 0;
    for (let index: number = from; index <= end && (bytes <= bytesMax || found.length === 0); index += 1) {
      const entry = this.#entry(index);
      found.push(entry);
      bytes += entry.data.length;
    }
    return found;
  }

  async commit(commit: LogCommit): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const logged = toLoggedCommit(commit, this.#parts.codec);
    // Before anything is written: a journal must never hold what cannot be carried out.
    const fits = boundsAfter(this.#tail.bounds, logged) !== undefined;
    assert(fits, "entries follow on what is there, and only present ones are cut");
    if (this.#journal.isFull) await this.#rotate();
    try {
      const written = this.#journal.append(logged);
      if (written !== undefined) await written;
    } catch (error) {
      throw this.#fail(error);
    }
    this.#tail.add({ sequence: this.#journal.sequence, commit: logged });
  }

  async close(): Promise<void> {
    await this.#moving;
    // So that what is left behind is LMDB alone, as before there was a journal.
    if (this.#failure === undefined) await this.#move(this.#journal.sequence);
    await this.#table.close();
    this.#journal.close();
    this.#parts.release();
  }

  #entry(index: number): Entry {
    const recent = this.#tail.entry(index);
    if (recent !== undefined) return recent;
    const encoded = this.#table.encodedEntry(index);
    const { codec, path } = this.#parts;
    try {
      const entry = codec.decode(must(encoded, "the store holds every entry of its range"));
      assert(entry.index === index, "an entry stands at its index");
      return entry;
    } catch (error) {
      throw new StorageError("corrupt", `entry ${index} of the raft log in ${path} cannot be read`, {
        cause: error,
      });
    }
  }

  async #rotate(): Promise<void> {
    await this.#moving;
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#journal.rotate();
    } catch (error) {
      throw this.#fail(error);
    }
    this.#startMoving();
  }

  #startMoving(): void {
    const through = this.#journal.sealedThrough;
    if (through !== undefined) this.#moving = this.#move(through);
  }

  /** Takes commits through `sequence` over to LMDB, in bits between which the loop has its turn. */
  async #move(sequence: number): Promise<void> {
    try {
      for (;;) {
        const commits = this.#tail.next(sequence);
        const newest = commits.at(-1);
        if (newest === undefined) return;
        const plan = new LogPlan(this.#table);
        for (const { commit } of commits) plan.add(commit);
        await this.#table.apply(plan, newest.sequence);
        this.#tail.moved(commits);
        this.#journal.moved(newest.sequence);
      }
    } catch (error) {
      const failure = this.#fail(error);
      this.#parts.log.error("the journal could not be moved", { error: failure.message });
    }
  }

  /** A disk that failed once is not to be trusted: every later commit fails alike. */
  #fail(error: unknown): StorageError {
    this.#failure ??= toLogStoreError(error, this.#parts.path);
    return this.#failure;
  }
}
