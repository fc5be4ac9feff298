/** Bytes of a connection that wait to be understood: pushed in pieces, seen as one. */
import { assert } from "../../lib/assert.ts";

const none = new Uint8Array(0);
const capacityMin = 16 * 1024;

/** The pieces in one buffer, so that the system is called once; a single piece is not copied. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const only = pieces[0];
  if (pieces.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** See the file's head. */
export class ByteQueue {
  #buffer: Uint8Array = none;
  #start = 0;
  #end = 0;
  /** Room behind `#end` is ours to write to. */
  #isOwn = false;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Everything that waits. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Adds a piece, which is the queue's from here on; copied only if others wait. */
  push(piece: Uint8Array): void {
    if (this.length === 0) {
      this.#buffer = piece;
      this.#start = 0;
      this.#end = piece.length;
      this.#isOwn = false;
      return;
    }
    const needed = this.length + piece.length;
    if (!this.#isOwn || this.#end + piece.length > this.#buffer.length) {
      // What was taken out stays where it is: a new buffer, never a move within the old one.
      const grown = new Uint8Array(Math.max(capacityMin, needed * 2));
      grown.set(this.bytes);
      this.#end -= this.#start;
      this.#start = 0;
      this.#buffer = grown;
      this.#isOwn = true;
    }
    this.#buffer.set(piece, this.#end);
    this.#end += piece.length;
  }

  /** Removes the first `count` bytes; nothing overwrites them. */
  take(count: number): Uint8Array {
    assert(count <= this.length, "only bytes that are there are taken");
    const taken = this.#buffer.subarray(this.#start, this.#start + count);
    this.#start += count;
    return taken;
  }
}
