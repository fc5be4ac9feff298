/**
 * The same entries usually go to every follower in the same request: it is encoded once.
 *
 * Nothing in an AppendEntries names its receiver, so equal place, entries and commit index make equal bytes.
 */
import type { AppendEntriesRequest } from "../core/messages.ts";
import { encodeRequest } from "./message-codec.ts";

/** As many requests as a follower may have under way, so that the next follower finds all of them. */
const keptMax = 16;
const keptBytesMax = 16 * 1024 * 1024;

interface Kept {
  readonly message: AppendEntriesRequest;
  readonly bytes: Uint8Array;
}

export class AppendCache {
  #kept: Kept[] = [];
  #keptBytes = 0;

  /** Bytes of the request, which must not be changed. */
  encode(message: AppendEntriesRequest): Uint8Array {
    if (message.entries.length === 0) return encodeRequest(message);
    const known = this.#kept.find((one) => isSame(one.message, message));
    if (known !== undefined) return known.bytes;
    const bytes = encodeRequest(message);
    this.#kept.push({ message, bytes });
    this.#keptBytes += bytes.length;
    while (this.#kept.length > keptMax || this.#keptBytes > keptBytesMax)
      this.#keptBytes -= this.#kept.shift()?.bytes.length ?? 0;
    return bytes;
  }
}

/** Entries are shared and never changed, and follow on each other: the first and the last tell all. */
function isSame(a: AppendEntriesRequest, b: AppendEntriesRequest): boolean {
  return (
    a.entries[0] === b.entries[0] &&
    a.entries.length === b.entries.length &&
    a.entries.at(-1) === b.entries.at(-1) &&
    a.term === b.term &&
    a.leaderCommit === b.leaderCommit &&
    a.prevLogTerm === b.prevLogTerm
  );
}
