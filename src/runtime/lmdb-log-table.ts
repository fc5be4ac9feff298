/**
 * The Raft log in LMDB: table `logs` (index → HashiCorp's msgpack Log), table `conf` (hard state, and how far the
 * journal has been moved here).
 *
 * A transaction is whole or absent after a crash, and durable when it is done: pages, fdatasync, then the meta
 * page through O_DSYNC (seen with strace). `overlappingSync` is off: it would let a transaction be visible before it
 * is synced. Transactions go through LMDB's own thread, since nobody waits for one.
 */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { open, type Database, type RootDatabase } from "lmdb";
import { DecodeError } from "../lib/errors.ts";
import { logIndex, term, type LogIndex } from "../lib/log-index.ts";
import { StorageError } from "../lib/storage-error.ts";
import type { HardState } from "../raft/core/entry.ts";
import { nonceBytes } from "./log-journal-record.ts";
import type { LogBounds, LogPlan } from "./log-plan.ts";
import { commitError } from "./log-store-error.ts";

/** Keys of the hard state are those of HashiCorp's stable store; the others are ours. */
const keys = {
  term: "CurrentTerm",
  voteTerm: "LastVoteTerm",
  vote: "LastVoteCand",
  /** The index before the log. */
  base: "LogBase",
  /** Marks the records of this store's journal; there since before the journal's files. */
  journalNonce: "JournalNonce",
  /** Sequence of the newest commit that was moved here. */
  movedThrough: "JournalMovedThrough",
} as const;

/** `pageSize` is given at opening, so that the second meta page is where it is looked for. */
const metaPageBytes = 4_096;
const metaFlag = 0x08;
const metaMagic = 0xbeefc0de;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

const ignore = (): void => undefined;

type Table<Key extends string | number> = Database<Uint8Array, Key>;

/** The log as far as it was moved here. */
export interface LogTable extends LogBounds {
  readonly hardState: HardState;
  /** Sequence of the newest commit of the journal that is here; 0: none. */
  readonly movedThrough: number;
  /** The encoded entry; undefined if it is not here. */
  encodedEntry(index: number): Uint8Array | undefined;
  /** Carries out commits through `sequence`, worked out from these bounds: all of it, durably, or nothing. */
  apply(plan: LogPlan, sequence: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens or makes the table in an existing directory. Throws `StorageError` or what LMDB says. */
export class LmdbLogTable implements LogTable {
  readonly #env: RootDatabase;
  readonly #logs: Table<number>;
  readonly #conf: Table<string>;
  #hardState: HardState;
  #firstIndex: LogIndex;
  #lastIndex: LogIndex;
  #movedThrough: number;
  /** The buffer that LMDB reads into, as a plain array. */
  #shared: Uint8Array = new Uint8Array(0);

  constructor(path: string) {
    checkMetaPages(path);
    this.#env = open({
      path,
      maxDbs: 2,
      overlappingSync: false,
      // Batching by turns makes a promise of its own that nobody could catch; one at a time needs no batches.
      eventTurnBatching: false,
      cache: false,
      noSubdir: false,
      pageSize: metaPageBytes,
    });
    this.#logs = this.#env.openDB({ name: "logs", encoding: "binary" });
    this.#conf = this.#env.openDB({ name: "conf", encoding: "binary" });
    this.#hardState = this.#readHardState();
    this.#movedThrough = this.#number(keys.movedThrough);
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
  get movedThrough(): number {
    return this.#movedThrough;
  }

  /** What marks this store's journal; undefined in a store that never had one. */
  journalNonce(): Uint8Array | undefined {
    return this.#conf.getBinary(keys.journalNonce);
  }

  /** Chooses the nonce, durably. */
  makeJournalNonce(): Uint8Array {
    const nonce = new Uint8Array(randomBytes(nonceBytes));
    this.#env.transactionSync(() => this.#conf.putSync(keys.journalNonce, nonce));
    return nonce;
  }

  encodedEntry(index: number): Uint8Array | undefined {
    const shared = this.#logs.getBinaryFast(index);
    if (shared === undefined) return undefined;
    // A Buffer makes Buffers of its parts, and takes three times as long for it as a plain array.
    const { buffer, byteOffset, length } = shared;
    if (this.#shared.buffer !== buffer || this.#shared.byteOffset !== byteOffset) {
      this.#shared = new Uint8Array(buffer, byteOffset);
    }
    return this.#shared.slice(0, length);
  }

  async apply(plan: LogPlan, sequence: number): Promise<void> {
    try {
      const done = this.#env.transaction(() => this.#write(plan, sequence));
      // LMDB has a second promise for the same transaction, which nobody else would catch.
      this.#env.committed.then(ignore, ignore);
      await done;
    } catch (error) {
      throw await commitError(error);
    }
    this.#firstIndex = plan.firstIndex;
    this.#lastIndex = plan.lastIndex;
    this.#hardState = plan.hardState ?? this.#hardState;
    this.#movedThrough = sequence;
  }

  async close(): Promise<void> {
    await this.#env.close();
  }

  #write(plan: LogPlan, sequence: number): void {
    for (const [from, through] of plan.removals) {
      for (let index = from; index <= through; index += 1) this.#logs.removeSync(index);
    }
    for (const [index, encoded] of plan.additions) this.#logs.putSync(index, encoded);
    if (plan.firstIndex !== this.#firstIndex)
      this.#conf.putSync(keys.base, encodeNumber(plan.firstIndex - 1));
    this.#conf.putSync(keys.movedThrough, encodeNumber(sequence));
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
