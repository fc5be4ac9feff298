/** Archives on their way: sent in slices that wait for the socket, received up to a limit. */
import { DecodeError } from "../lib/errors.ts";
import type { Connection } from "../lib/net.ts";

const sliceBytes = 256 * 1024;

/** How the owner of a connection tells the sender to go on. */
export interface SendWaiting {
  isClosed(): boolean;
  /** Takes what is to be called when the connection has drained or closed. */
  onWake(wake: () => void): void;
}

/** Writes the archive; settles when it was handed to the socket or the connection is gone. */
export async function sendArchive(
  connection: Connection,
  archive: Uint8Array,
  waiting: SendWaiting,
): Promise<void> {
  for (let at = 0; at < archive.length && !waiting.isClosed(); at += sliceBytes) {
    if (connection.write(archive.subarray(at, at + sliceBytes))) continue;
    await new Promise<void>((resolve) => {
      waiting.onWake(resolve);
      if (waiting.isClosed()) resolve();
    });
  }
}

/** Collects an archive. */
export class ArchiveBuffer {
  readonly #bytesMax: number;
  readonly #chunks: Uint8Array[] = [];
  #byteCount = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Throws `DecodeError` when the archive grows too large. */
  push(bytes: Uint8Array): void {
    this.#byteCount += bytes.length;
    if (this.#byteCount > this.#bytesMax) {
      throw new DecodeError(`the archive is larger than ${this.#bytesMax} bytes`);
    }
    if (bytes.length > 0) this.#chunks.push(bytes);
  }

  /** All of it, once. */
  take(): Uint8Array {
    const archive = new Uint8Array(this.#byteCount);
    let at = 0;
    for (const chunk of this.#chunks.splice(0)) {
      archive.set(chunk, at);
      at += chunk.length;
    }
    return archive;
  }
}
