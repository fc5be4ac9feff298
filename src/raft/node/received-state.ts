/**
 * States that leaders send: read before they are stored, so that one that is cut short, altered, or of no kind that
 * this server knows, never becomes the newest snapshot, and the present state stays as it is.
 */
import type { SnapshotEnd } from "../core/entry.ts";
import { StorageError } from "../../lib/storage-error.ts";
import { joinBytes } from "./byte-queue.ts";
import type { Chunks } from "./snapshot-store.ts";

/** What fits into one buffer. */
const stateBytesMax = 2 ** 32 - 1;

/**
 * Passes the pieces of a state of `sizeBytes` on, and gives the whole to `check` before it ends. Throws
 * `StorageError` if it is shorter or longer, and what `check` throws.
 */
export async function* checkedState(
  chunks: Chunks,
  sizeBytes: number,
  check: (state: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  if (sizeBytes > stateBytesMax)
    throw new StorageError("failed", `a snapshot of ${sizeBytes} bytes is too large`);
  const pieces: Uint8Array[] = [];
  let seen = 0;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > sizeBytes) break;
    pieces.push(chunk.slice());
    yield chunk;
  }
  if (seen !== sizeBytes)
    throw new StorageError("failed", `received ${seen} bytes of a snapshot of ${sizeBytes}`);
  check(joinBytes(pieces));
}

/** States that were received and wait for the core's word, which is heard with the next step. */
export class ReceivedStates {
  readonly #byEnd = new Map<string, () => void>();

  /** `replace` puts the state in place. */
  add(end: SnapshotEnd, replace: () => void): void {
    this.#byEnd.set(nameOf(end), replace);
  }

  take(end: SnapshotEnd): (() => void) | undefined {
    return this.#byEnd.get(nameOf(end));
  }

  /** Those that were not wanted are held no longer. */
  clear(): void {
    this.#byEnd.clear();
  }
}

function nameOf({ term, index }: SnapshotEnd): string {
  return `${term}-${index}`;
}
