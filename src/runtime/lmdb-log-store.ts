/**
 * The Raft log on disk, in LMDB: table `logs` (index → HashiCorp's msgpack Log), table `conf` (hard state).
 *
 * A commit is one LMDB transaction: pages, fdatasync, then the meta page through O_DSYNC, so that it is
 * whole or absent after a crash, and durable when it returns (seen with strace). `overlappingSync` is
 * off: it would let a commit be visible before it is synced.
 *
 * Committing on this thread is the faster way while the disk is quick (measured: 217 µs against 257 µs
 * through LMDB's thread), but holds up the loop for as long as the disk takes. So a commit that is
 * large, or that follows a slow one, goes through the thread.
 */
import { closeSync, existsSync, mkdirSync, openSync, readSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { open, type Database, type RootDatabase } from "lmdb";
import { assert, must } from "../lib/assert.ts";
import { DecodeError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { logIndex, term, type LogIndex, type Term } from "../lib/log-index.ts";
import { StorageError } from "../lib/storage-error.ts";
import type { Entry, HardState } from "../raft/core/entry.ts";
import type { EntryCodec, LogChange, LogCommit, LogStore } from "../raft/node/log-store.ts";
import { lockFile } from "./lmdb-dir-lock.ts";

/** A commit slower than this sends the next one to the thread. */
const slowCommitMs = 2;
/** A commit with more data than this goes to the thread. */
const largeCommitBytes = 1_048_576;

/** Keys of the hard state are those of HashiCorp's stable store; `LogBase` is ours: the index before the log. */
const keys = {
  term: "CurrentTerm",
  voteTerm: "LastVoteTerm",
  vote: "LastVoteCand",
  base: "LogBase",
} as const;

/** `pageSize` is given at opening, so that the second meta page is where it is looked for. */
const metaPageBytes = 4_096;
const metaFlag = 0x08;
const metaMagic = 0xbeefc0de;

/** Less free space than this makes an input/output error one of a full disk. */
const fullDiskBytes = 16_777_216;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

const ignore = (): void => undefined;

type Table<Key extends string | number> = Database<Uint8Array, Key>;

export interface LmdbLogStoreOptions {
  /** Directory, made if it is missing; this process alone uses it. */
  readonly path: string;
  readonly codec: EntryCodec;
  readonly log: Log;
}

/** Opens or makes a store. Rejects with `StorageError`: locked, read-only, full, corrupt, failed. */
export async function openLmdbLogStore(options: LmdbLogStoreOptions): Promise<LogStore> {
  const { path, codec, log } = options;
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
      return new LmdbLogStore(path, codec, release);
    } catch (error) {
      release();
      throw error;
    }
  } catch (error) {
    throw toLogStoreError(error, path);
  }
}

class LmdbLogStore implements LogStore {
  readonly #path: string;
  readonly #codec: EntryCodec;
  readonly #release: () => void;
  readonly #env: RootDatabase;
  readonly #logs: Table<number>;
  readonly #conf: Table<string>;
  #hardState: HardState;
  #firstIndex: LogIndex;
  #lastIndex: LogIndex;
  #lastCommitMs = 0;

  constructor(path: string, codec: EntryCodec, release: () => void) {
    this.#path = path;
    this.#codec = codec;
    this.#release = release;
    checkMetaPages(path);
    this.#env = open({
      path,
      maxDbs: 2,
      overlappingSync: false,
      // Batching by turns makes a promise of its own that nobody could catch; one commit at a time needs no batches.
      eventTurnBatching: false,
      cache: false,
      noSubdir: false,
      pageSize: metaPageBytes,
    });
    this.#logs = this.#env.openDB({ name: "logs", encoding: "binary" });
    this.#conf = this.#env.openDB({ name: "conf", encoding: "binary" });
    this.#hardState = this.#readHardState();
    const base = this.#number(keys.base);
    const [first] = this.#logs.getKeys({ limit: 1 });
    const [last] = this.#logs.getKeys({ limit: 1, reverse: true });
    this.#firstIndex = logIndex(first ?? base + 1);
    this.#lastIndex = logIndex(last ?? base);
    const count = (this.#logs.getStats() as { readonly entryCount: number }).entryCount;
    if (this.#firstIndex <= base || count !== this.#lastIndex - this.#firstIndex + 1) {
      const text = `the raft log in ${path} has holes: ${count} entries from ${this.#firstIndex} to ${this.#lastIndex} after ${base}`;
      throw new StorageError("corrupt", text);
    }
  }

  get hardState(): HardState {
    return this.#hardState;
  }
  get firstIndex(): LogIndex {
    return this.#firstIndex;
  }
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  termAt(index: LogIndex): Term | undefined {
    if (index < this.#firstIndex || index > this.#lastIndex) return undefined;
    return this.#entry(index).term;
  }

  entries(from: LogIndex, through: LogIndex, bytesMax: number): readonly Entry[] {
    const found: Entry[] = [];
    if (from < this.#firstIndex) return found;
    const end = Math.min(through, this.#lastIndex);
    let bytes = 0;
    for (let index: number = from; index <= end && (bytes <= bytesMax || found.length === 0); index += 1) {
      const entry = this.#entry(index);
      found.push(entry);
      bytes += entry.data.length;
    }
    return found;
  }

  async commit(commit: LogCommit): Promise<void> {
    const plan = this.#plan(commit);
    const startMs = performance.now();
    try {
      if (this.#lastCommitMs > slowCommitMs || plan.bytes > largeCommitBytes) {
        const done = this.#env.transaction(() => this.#write(plan));
        // LMDB has a second promise for the same commit, which nobody else would catch.
        this.#env.committed.then(ignore, ignore);
        await done;
      } else {
        this.#env.transactionSync(() => this.#write(plan));
      }
    } catch (error) {
      throw toLogStoreError(await commitError(error), this.#path);
    }
    this.#lastCommitMs = performance.now() - startMs;
    this.#firstIndex = plan.firstIndex;
    this.#lastIndex = plan.lastIndex;
    this.#hardState = plan.hardState ?? this.#hardState;
  }

  async close(): Promise<void> {
    await this.#env.close();
    this.#release();
  }

  #entry(index: number): Entry {
    const encoded = this.#logs.getBinary(index);
    try {
      const entry = this.#codec.decode(must(encoded, "the store holds every entry of its range"));
      assert(entry.index === index, "an entry stands at its index");
      return entry;
    } catch (error) {
      throw new StorageError("corrupt", `entry ${index} of the raft log in ${this.#path} cannot be read`, {
        cause: error,
      });
    }
  }

  /** Works out the net effect of a commit in memory, so that the transaction only writes. */
  #plan(commit: LogCommit): Plan {
    const plan = new Plan(this.#codec, this.#firstIndex, this.#lastIndex);
    for (const change of commit.changes) plan.add(change);
    plan.compact(commit.compactThrough);
    return plan;
  }

  #write(plan: Plan): void {
    for (const [from, through] of plan.removals) {
      for (let index = from; index <= through; index += 1) this.#logs.removeSync(index);
    }
    for (const [index, encoded] of plan.additions) this.#logs.putSync(index, encoded);
    if (plan.firstIndex !== this.#firstIndex)
      this.#conf.putSync(keys.base, encodeNumber(plan.firstIndex - 1));
    const { hardState } = plan;
    if (hardState === undefined) return;
    this.#conf.putSync(keys.term, encodeNumber(hardState.term));
    if (hardState.votedFor === undefined) return;
    this.#conf.putSync(keys.voteTerm, encodeNumber(hardState.term));
    this.#conf.putSync(keys.vote, utf8.encode(hardState.votedFor));
  }

  #readHardState(): HardState {
    const current = term(this.#number(keys.term));
    const vote = this.#conf.getBinary(keys.vote);
    // The vote of an older term is left in place, as the reference does.
    const isCurrent = vote !== undefined && this.#number(keys.voteTerm) === current;
    return { term: current, votedFor: isCurrent ? fromUtf8.decode(vote) : undefined };
  }

  #number(key: string): number {
    const bytes = this.#conf.getBinary(key);
    if (bytes === undefined) return 0;
    if (bytes.length !== 8) throw new DecodeError(`${key} is not a number of 8 bytes`);
    return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
  }
}

/** The net effect of some changes on a log of known bounds. */
class Plan {
  firstIndex: LogIndex;
  lastIndex: LogIndex;
  hardState: HardState | undefined;
  /** Encoded entries to put, by index. */
  readonly additions = new Map<number, Uint8Array>();
  /** Ranges of stored entries to remove before that, both ends included. */
  readonly removals: (readonly [number, number])[] = [];
  bytes = 0;
  /** Of the stored entries that no change has touched. */
  #storedFirst: number;
  #storedLast: number;
  readonly #codec: EntryCodec;

  constructor(codec: EntryCodec, firstIndex: LogIndex, lastIndex: LogIndex) {
    this.#codec = codec;
    this.firstIndex = firstIndex;
    this.lastIndex = lastIndex;
    this.#storedFirst = firstIndex;
    this.#storedLast = lastIndex;
  }

  add(change: LogChange): void {
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
    for (const entry of change.entries) {
      assert(entry.index === this.lastIndex + 1, "entries follow on what is there");
      const encoded = this.#codec.encode(entry);
      this.additions.set(entry.index, encoded);
      this.bytes += encoded.length;
      this.lastIndex = entry.index;
    }
  }

  compact(through: LogIndex | undefined): void {
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

/**
 * Refuses a file whose first two pages are no meta pages of LMDB: the binding crashes the process on some such files
 * instead of saying so (seen with 3.5.6). Page: 24 bytes of header, flags at 18; then magic and version.
 */
function checkMetaPages(path: string): void {
  const file = join(path, "data.mdb");
  if (!existsSync(file)) return;
  const pages = new Uint8Array(2 * metaPageBytes);
  const fd = openSync(file, "r");
  const length = readSync(fd, pages, 0, pages.length, 0);
  closeSync(fd);
  if (length === 0) return;
  const view = new DataView(pages.buffer);
  const isMeta = (start: number): boolean =>
    (view.getUint16(start + 18, true) & metaFlag) !== 0 && view.getUint32(start + 24, true) === metaMagic;
  if (length < pages.length || !isMeta(0) || !isMeta(metaPageBytes)) {
    throw new StorageError("corrupt", `${file} is no raft log, or is damaged at its beginning`);
  }
}

function encodeNumber(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** LMDB's thread rejects with a general error that holds a promise of the real one; unawaited it ends the process. */
async function commitError(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
  } catch (cause) {
    return cause;
  }
  return error;
}

/** LMDB calls a write that came out short an input/output error; on a full disk that is what it means. */
function isNearlyFull(path: string): boolean {
  if (!existsSync(path)) return false;
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize < fullDiskBytes;
}

/** Names what the disk or LMDB said. */
export function toLogStoreError(error: unknown, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const says = (...words: readonly (string | number)[]): boolean =>
    words.some((word) => word === code || (typeof word === "string" && text.includes(word)));
  const cause = { cause: error };
  if (
    says("ENOSPC", 28, "No space left", "MDB_MAP_FULL", "EDQUOT", 122) ||
    (says("EIO", 5, "Input/output error") && isNearlyFull(path))
  ) {
    return new StorageError("full", `no space left for the raft log in ${path}`, cause);
  }
  if (says("EROFS", 30, "EACCES", 13, "EPERM", "Read-only file system", "Permission denied")) {
    return new StorageError("read-only", `the raft log in ${path} cannot be written: ${text}`, cause);
  }
  if (
    error instanceof DecodeError ||
    says("MDB_CORRUPTED", "MDB_INVALID", "MDB_PAGE_NOTFOUND", "MDB_VERSION_MISMATCH")
  ) {
    return new StorageError("corrupt", `the raft log in ${path} is damaged: ${text}`, cause);
  }
  return new StorageError("failed", `the raft log in ${path} failed: ${text}`, cause);
}
