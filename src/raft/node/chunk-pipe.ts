/**
 * Bytes of a known number that go from a connection to whoever reads them, with back pressure.
 *
 *     connection ── write ──▶ pieces in between, bounded by pausing ── chunks ──▶ reader
 */
import { assert } from "../../lib/assert.ts";

/** The sender is slowed down beyond the first and let go again below the second. */
const heldBytesMax = 1024 * 1024;
const heldBytesMin = 256 * 1024;

export interface PipeParts {
  /** More bytes than the reader takes are held: stop the sender. */
  readonly pause: () => void;
  readonly resume: () => void;
}

export class ChunkPipe {
  readonly #parts: PipeParts;
  readonly #pieces: Uint8Array[] = [];
  #held = 0;
  #missing: number;
  #isPaused = false;
  #isDropping = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(sizeBytes: number, parts: PipeParts) {
    this.#missing = sizeBytes;
    this.#parts = parts;
  }

  /** Bytes that have not arrived yet. */
  get missing(): number {
    return this.#missing;
  }
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** The bytes in order, once; ends when all have come, throws when the sender is lost. */
  readonly chunks: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => this.#read() };

  /** Adds bytes, at most as many as are missing. */
  write(bytes: Uint8Array): void {
    assert(bytes.length <= this.#missing, "no more bytes come than were announced");
    this.#missing -= bytes.length;
    if (!this.#isDropping && bytes.length > 0) {
      this.#pieces.push(bytes);
      this.#held += bytes.length;
      if (this.#held > heldBytesMax && !this.#isPaused && this.#missing > 0) {
        this.#isPaused = true;
        this.#parts.pause();
      }
    }
    this.#notify();
  }

  /** Nobody reads any more: what comes is thrown away. */
  drop(): void {
    this.#isDropping = true;
    this.#pieces.length = 0;
    this.#held = 0;
    this.#relieve();
    this.#notify();
  }

  /** No more bytes come. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#notify();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          this.#held -= piece.length;
          if (this.#held < heldBytesMin) this.#relieve();
          yield piece;
        } else if (this.#error !== undefined) throw this.#error;
        else if (this.#missing === 0 || this.#isDropping) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.drop();
    }
  }

  #relieve(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#parts.resume();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
