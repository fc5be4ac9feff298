/** Where snapshots of the state machine live. */
import type { LogIndex, Term } from "../../lib/log-index.ts";
import { StorageError } from "../../lib/storage-error.ts";
import type { SnapshotMark } from "../core/entry.ts";

/** A stored snapshot: what it stands for, its name and its size. */
export interface SnapshotMeta extends SnapshotMark {
  /** `<term>-<index>-<milliseconds since 1970>`. */
  readonly id: string;
  readonly sizeBytes: number;
}

/** Bytes piece by piece; each piece is the reader's only until it asks for the next. */
export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A snapshot whose bytes can be read, even if the store drops it meanwhile. Read `chunks` at most once. */
export interface OpenSnapshot extends AsyncDisposable {
  readonly meta: SnapshotMeta;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Keeps the newest few. One `write` at a time. */
export interface SnapshotStore {
  /** The newest whose bytes are whole; damaged ones are passed over, with a line in the log. */
  newest(): Promise<SnapshotMeta | undefined>;
  /**
   * Resolves when the bytes are durable and checksummed, and drops the oldest.
   * Rejects with `StorageError`, or with what `chunks` threw; nothing is left behind then.
   */
  write(mark: SnapshotMark, chunks: Chunks): Promise<SnapshotMeta>;
  /** Removes the snapshots that end there, durably. No error if there is none. */
  remove(end: { readonly index: LogIndex; readonly term: Term }): Promise<void>;
  /** The snapshot that ends there; undefined if it is not kept (any more). */
  open(end: { readonly index: LogIndex; readonly term: Term }): Promise<OpenSnapshot | undefined>;
}

/** Metadata with the checksum of the state: CRC-64, 8 bytes big-endian. */
export interface FileSnapshotMeta extends SnapshotMeta {
  readonly crc: Uint8Array;
}

/** How metadata stands on disk; given to a store, which knows nothing of the form. */
export interface SnapshotMetaCodec {
  render(meta: FileSnapshotMeta): string;
  /** Throws `DecodeError`. */
  parse(text: string): FileSnapshotMeta;
}

/** All bytes in one buffer. */
export async function readSnapshot(snapshot: OpenSnapshot): Promise<Uint8Array> {
  const state = new Uint8Array(snapshot.meta.sizeBytes);
  let at = 0;
  for await (const chunk of snapshot.chunks) {
    if (at + chunk.length > state.length)
      throw new StorageError("corrupt", `snapshot ${snapshot.meta.id} is longer than it says`);
    state.set(chunk, at);
    at += chunk.length;
  }
  if (at !== state.length)
    throw new StorageError("corrupt", `snapshot ${snapshot.meta.id} is shorter than it says`);
  return state;
}
