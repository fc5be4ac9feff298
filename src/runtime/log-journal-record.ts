/**
 * One commit as a record of the journal: whole blocks, so that no write ever touches a block that was acknowledged.
 *
 *     0  magic     4  length of the payload     8  nonce of the store (8 bytes)
 *     16 sequence (u64)     24  operations (u32)     28  CRC-32 of bytes 0 … 27 and the payload
 *     32 payload: operations, each a byte of kind and its fields     …  zeros up to a multiple of 4,096
 *
 * Numbers are little-endian. Sequences grow by one per commit for as long as the store lives, over both files,
 * so a record that is left over from an earlier use of a block is known by its lower number. The nonce keeps
 * a value that a client stored from ever passing for a record.
 */
import * as zlib from "node:zlib";
import { must } from "../lib/assert.ts";
import { DecodeError } from "../lib/errors.ts";
import { logIndex, term, type LogIndex } from "../lib/log-index.ts";
import type { Entry, HardState } from "../raft/core/entry.ts";
import type { EntryCodec, LogCommit } from "../raft/node/log-store.ts";
import { crc32 as portableCrc32 } from "../lib/crc32.ts";

/** The runtime's own where it has one: Node has it from 20.15 on. */
const crc32: (bytes: Uint8Array, before?: number) => number =
  (zlib as { readonly crc32?: typeof portableCrc32 }).crc32 ?? portableCrc32;

/** Records begin at multiples of this: a physical sector of today's disks, a page of the kernel's cache. */
export const blockBytes = 4_096;
export const nonceBytes = 8;

const headerBytes = 32;
const checkedBytes = 28;
const magic = 0x31_4a_43_50; // "PCJ1"
const twoTo32 = 0x1_0000_0000;
/** A writer keeps a buffer up to this size for the next record. */
const keptBytesMax = 1_048_576;

const kinds = { hardState: 1, restartAfter: 2, truncateFrom: 3, entry: 4, compactThrough: 5 } as const;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** An entry and how it stands on disk, in a buffer that nobody changes. */
export interface LoggedEntry {
  readonly entry: Entry;
  readonly encoded: Uint8Array;
}

/** A change whose entries have been encoded. */
export interface LoggedChange {
  readonly hardState: HardState | undefined;
  readonly restartAfter: LogIndex | undefined;
  readonly truncateFrom: LogIndex | undefined;
  readonly entries: readonly LoggedEntry[];
}

/** A commit whose entries have been encoded. */
export interface LoggedCommit {
  readonly changes: readonly LoggedChange[];
  readonly compactThrough: LogIndex | undefined;
  readonly entryCount: number;
  /** Of the encoded entries. */
  readonly bytes: number;
}

/** Encodes every entry, once for journal and LMDB. */
export function toLoggedCommit(commit: LogCommit, codec: EntryCodec): LoggedCommit {
  let bytes = 0;
  let entryCount = 0;
  const changes = commit.changes.map(({ hardState, restartAfter, truncateFrom, entries }) => {
    const encodings = codec.encodeAll(entries);
    const logged = entries.map((entry, at) => {
      const encoded = must(encodings[at], "every entry has been encoded");
      bytes += encoded.length;
      return { entry, encoded };
    });
    entryCount += logged.length;
    return { hardState, restartAfter, truncateFrom, entries: logged };
  });
  return { changes, compactThrough: commit.compactThrough, entryCount, bytes };
}

/** Makes records in a buffer of its own, which the next record overwrites. */
export class RecordWriter {
  readonly #nonce: Uint8Array;
  #buffer = new Uint8Array(16 * blockBytes);
  #view = new DataView(this.#buffer.buffer);
  #at = 0;
  #operations = 0;

  constructor(nonce: Uint8Array) {
    this.#nonce = nonce;
  }

  /** The record, padded to whole blocks; good until the next call. */
  encode(sequence: number, commit: LoggedCommit): Uint8Array {
    this.#at = headerBytes;
    this.#operations = 0;
    for (const change of commit.changes) this.#change(change);
    if (commit.compactThrough !== undefined) this.#index(kinds.compactThrough, commit.compactThrough);
    const end = this.#at;
    const paddedEnd = Math.ceil(end / blockBytes) * blockBytes;
    this.#reserve(paddedEnd - end);
    this.#buffer.fill(0, end, paddedEnd);
    this.#at = 0;
    this.#uint32(magic);
    this.#uint32(end - headerBytes);
    this.#bytes(this.#nonce);
    this.#uint64(sequence);
    this.#uint32(this.#operations);
    this.#uint32(checksum(this.#buffer.subarray(0, end)));
    const record = this.#buffer.subarray(0, paddedEnd);
    if (paddedEnd > keptBytesMax) this.#resize(16 * blockBytes, 0);
    return record;
  }

  #change({ hardState, restartAfter, truncateFrom, entries }: LoggedChange): void {
    if (hardState !== undefined) {
      const vote = utf8.encode(hardState.votedFor ?? "");
      this.#index(kinds.hardState, hardState.term);
      this.#reserve(5 + vote.length);
      this.#byte(hardState.votedFor === undefined ? 0 : 1);
      this.#uint32(vote.length);
      this.#bytes(vote);
    }
    if (restartAfter !== undefined) this.#index(kinds.restartAfter, restartAfter);
    if (truncateFrom !== undefined) this.#index(kinds.truncateFrom, truncateFrom);
    for (const { encoded } of entries) {
      this.#reserve(5 + encoded.length);
      this.#operations += 1;
      this.#byte(kinds.entry);
      this.#uint32(encoded.length);
      this.#bytes(encoded);
    }
  }

  #index(kind: number, value: number): void {
    this.#reserve(9);
    this.#operations += 1;
    this.#byte(kind);
    this.#uint64(value);
  }

  #byte(value: number): void {
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  #uint32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  #uint64(value: number): void {
    this.#uint32(value % twoTo32);
    this.#uint32(Math.floor(value / twoTo32));
  }

  #bytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #reserve(more: number): void {
    const needed = this.#at + more;
    if (needed > this.#buffer.length) this.#resize(Math.max(needed, 2 * this.#buffer.length), this.#at);
  }

  #resize(length: number, kept: number): void {
    const buffer = new Uint8Array(length);
    buffer.set(this.#buffer.subarray(0, kept));
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }
}

/** What the head of a record says, before the sum was checked. */
export interface RecordHead {
  readonly sequence: number;
  /** Header and payload, without the padding. */
  readonly length: number;
  readonly operations: number;
  readonly sum: number;
}

/** Reads the head at the beginning of `block`; undefined if that is no record of this store. */
export function decodeRecordHead(block: Uint8Array, nonce: Uint8Array): RecordHead | undefined {
  if (block.length < headerBytes) return undefined;
  const view = new DataView(block.buffer, block.byteOffset, headerBytes);
  if (view.getUint32(0, true) !== magic) return undefined;
  for (let at = 0; at < nonceBytes; at += 1) if (block[8 + at] !== nonce[at]) return undefined;
  const sequence = uint64(view, 16);
  if (!Number.isSafeInteger(sequence)) return undefined;
  return {
    sequence,
    length: headerBytes + view.getUint32(4, true),
    operations: view.getUint32(24, true),
    sum: view.getUint32(28, true),
  };
}

/** Whether `record`, cut to its length, is as it was written. */
export function isIntact(record: Uint8Array, head: RecordHead): boolean {
  return record.length === head.length && checksum(record) === head.sum;
}

/** The commit in an intact record, whose buffer it aliases. Throws `DecodeError` on what no writer wrote. */
export function decodeRecord(record: Uint8Array, head: RecordHead, codec: EntryCodec): LoggedCommit {
  const reader = new OperationReader(record, codec);
  for (let count = 0; count < head.operations; count += 1) reader.read();
  return reader.commit();
}

class OperationReader {
  readonly #record: Uint8Array;
  readonly #view: DataView;
  readonly #codec: EntryCodec;
  readonly #changes: LoggedChange[] = [];
  #entries: LoggedEntry[] = [];
  #compactThrough: LogIndex | undefined;
  #at = headerBytes;
  #entryCount = 0;
  #bytes = 0;

  constructor(record: Uint8Array, codec: EntryCodec) {
    this.#record = record;
    this.#view = new DataView(record.buffer, record.byteOffset, record.length);
    this.#codec = codec;
  }

  /** Every operation but a run of entries is a change of its own: applied one by one they do the same. */
  read(): void {
    const kind = this.#take(1)[0];
    if (kind === kinds.entry) {
      const encoded = this.#take(this.#uint32());
      this.#entries.push({ entry: this.#codec.decode(encoded), encoded });
      this.#entryCount += 1;
      this.#bytes += encoded.length;
      return;
    }
    this.#endEntries();
    const value = this.#uint64();
    if (kind === kinds.hardState) this.#push({ hardState: { term: term(value), votedFor: this.#vote() } });
    else if (kind === kinds.restartAfter) this.#push({ restartAfter: logIndex(value) });
    else if (kind === kinds.truncateFrom) this.#push({ truncateFrom: logIndex(value) });
    else if (kind === kinds.compactThrough) this.#compactThrough = logIndex(value);
    else throw new DecodeError(`raft journal: unknown operation ${kind}`);
  }

  commit(): LoggedCommit {
    this.#endEntries();
    if (this.#at !== this.#record.length)
      throw new DecodeError("raft journal: bytes behind the last operation");
    return {
      changes: this.#changes,
      compactThrough: this.#compactThrough,
      entryCount: this.#entryCount,
      bytes: this.#bytes,
    };
  }

  #endEntries(): void {
    if (this.#entries.length > 0) this.#push({ entries: this.#entries });
    this.#entries = [];
  }

  #push(parts: Partial<LoggedChange>): void {
    const { hardState, restartAfter, truncateFrom, entries = [] } = parts;
    this.#changes.push({ hardState, restartAfter, truncateFrom, entries });
  }

  #vote(): string | undefined {
    const isPresent = this.#take(1)[0] === 1;
    const bytes = this.#take(this.#uint32());
    return isPresent ? fromUtf8.decode(bytes) : undefined;
  }

  #uint32(): number {
    const at = this.#at;
    this.#take(4);
    return this.#view.getUint32(at, true);
  }

  #uint64(): number {
    const at = this.#at;
    this.#take(8);
    const value = uint64(this.#view, at);
    if (!Number.isSafeInteger(value)) throw new DecodeError("raft journal: a number beyond 53 bits");
    return value;
  }

  #take(length: number): Uint8Array {
    if (length > this.#record.length - this.#at)
      throw new DecodeError("raft journal: a record ends too early");
    this.#at += length;
    return this.#record.subarray(this.#at - length, this.#at);
  }
}

function uint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * twoTo32;
}

/** Of header and payload without the sum itself. */
function checksum(record: Uint8Array): number {
  return crc32(record.subarray(headerBytes), crc32(record.subarray(0, checkedBytes)));
}
