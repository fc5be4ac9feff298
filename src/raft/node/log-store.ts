/**
 * Where the log and the hard state live: reads at once from memory or disk, writes by commits.
 *
 * A commit is atomic and, when its promise resolves, on stable storage; the driver gathers all writes
 * that arrive while a commit is under way into the next one, so that one sync serves many.
 */
import type { LogIndex } from "../../lib/log-index.ts";
import type { Entry, HardState, LogView } from "../core/entry.ts";
import type { LogWrite } from "../core/effects.ts";

/** A write of the core without its number. */
export type LogChange = Omit<LogWrite, "token">;

/** What one commit does, in this order: the changes, then the compaction. */
export interface LogCommit {
  readonly changes: readonly LogChange[];
  /** Forget entries through here; what is not there (any more) is no error. */
  readonly compactThrough?: LogIndex | undefined;
}

/** See the file's head. One owner, one commit at a time. */
export interface LogStore extends LogView {
  /** `{ term: 0, votedFor: undefined }` on a fresh store. */
  readonly hardState: HardState;
  /**
   * Resolves when everything in it is durable and visible in the view. Rejects with `StorageError`
   * if the disk would not take it: nothing of it is kept then, and the server must not go on.
   */
  commit(commit: LogCommit): Promise<void>;
  /** Waits for a commit under way. Using the store afterwards is a bug. */
  close(): Promise<void>;
}

/** How entries stand on disk; given to a store, which knows nothing of the form. */
export interface EntryCodec {
  /** One encoding for each entry, in order; they may share a buffer. */
  encodeAll(entries: readonly Entry[]): readonly Uint8Array[];
  /** `data` aliases `encoded`. Throws `DecodeError`. */
  decode(encoded: Uint8Array): Entry;
}
