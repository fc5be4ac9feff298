/** Keeps the last bytes of a stream and counts all of them. */
import { assert } from "./assert.ts";

/** The last bytes of an output. */
export interface CapturedOutput {
  readonly tail: Uint8Array;
  /** Bytes written in all. */
  readonly bytesTotal: number;
}

export class TailBuffer {
  readonly #bytesMax: number;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #bytesTotal = 0;

  constructor(bytesMax: number) {
    assert(bytesMax > 0, "a tail has room for at least one byte");
    this.#bytesMax = bytesMax;
  }

  write(bytes: Uint8Array): void {
    this.#bytesTotal += bytes.length;
    // A copy, since callers reuse their buffers.
    this.#kept.push(bytes.slice(Math.max(0, bytes.length - this.#bytesMax)));
    this.#keptBytes += Math.min(bytes.length, this.#bytesMax);
    if (this.#keptBytes > 2 * this.#bytesMax) this.#compact();
  }

  captured(): CapturedOutput {
    return { tail: this.#compact(), bytesTotal: this.#bytesTotal };
  }

  #compact(): Uint8Array {
    const joined = new Uint8Array(this.#keptBytes);
    let at = 0;
    for (const part of this.#kept) {
      joined.set(part, at);
      at += part.length;
    }
    const tail = joined.subarray(Math.max(0, joined.length - this.#bytesMax));
    this.#kept = [tail];
    this.#keptBytes = tail.length;
    return tail;
  }
}
