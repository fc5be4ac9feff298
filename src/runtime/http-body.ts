/**
 * The body of one request on its way from the socket to the handler.
 *
 * Bytes that come before the handler asks are kept up to a limit, beyond which the connection pauses; those
 * that it does not want are thrown away.
 */
import { BodyTooLargeError, DecodeError } from "../lib/errors.ts";
import { ChunkedDecoder } from "../wire/http/chunked.ts";
import type { BodyFraming } from "../wire/http/header-fields.ts";

/** Kept for a handler that has not asked for the body yet. */
const unaskedBytesMax = 64 * 1024;
/** Unwanted bytes read for the sake of the connection; with more to come it is closed (as in the reference). */
const discardedBytesMax = 256 * 1024;

interface Reading {
  readonly bytesMax: number;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

const nothing = new Uint8Array();

export class RequestBody {
  /** Bytes still to come; of a chunked body unknown. */
  #left: number;
  readonly #length: number | undefined;
  readonly #chunks: ChunkedDecoder | undefined;
  #parts: Uint8Array[] = [];
  #size = 0;
  #discarded = 0;
  #isDiscarding = false;
  #failure: Error | undefined;
  #reading: Reading | undefined;
  readonly #wanted: () => void;

  /** `wanted` is called when the handler asks for bytes that have not arrived. */
  constructor(framing: BodyFraming, wanted: () => void) {
    this.#wanted = wanted;
    this.#length = framing.kind === "length" ? framing.bytes : framing.kind === "none" ? 0 : undefined;
    this.#left = this.#length ?? 0;
    this.#chunks = framing.kind === "chunked" ? new ChunkedDecoder() : undefined;
  }

  /** Every byte of it has arrived. */
  get isComplete(): boolean {
    return this.#chunks === undefined ? this.#left === 0 : this.#chunks.isDone;
  }

  /** More has arrived than is kept for a handler that does not ask. */
  get isFull(): boolean {
    return this.#reading === undefined && !this.#isDiscarding && this.#size > unaskedBytesMax;
  }

  /** What is left is more than is worth reading for nothing. */
  get isTooLongToDiscard(): boolean {
    return this.#discarded + this.#left > discardedBytesMax;
  }

  /** Takes bytes off the connection. Answers how many belong to this body. Throws `HttpSyntaxError`. */
  push(bytes: Uint8Array): number {
    let used: number;
    if (this.#chunks === undefined) {
      used = Math.min(this.#left, bytes.length);
      this.#left -= used;
      this.#take(used === bytes.length ? bytes : bytes.subarray(0, used));
    } else {
      const parts: Uint8Array[] = [];
      used = this.#chunks.push(bytes, parts);
      for (const part of parts) this.#take(part);
    }
    if (this.isComplete) this.#deliver();
    return used;
  }

  /** The whole body. Rejects with `BodyTooLargeError`, or `DecodeError` when it does not come whole. */
  read(bytesMax: number): Promise<Uint8Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (Math.max(this.#length ?? 0, this.#size) > bytesMax) {
      this.discard();
      return Promise.reject(new BodyTooLargeError(bytesMax));
    }
    if (this.isComplete) return Promise.resolve(this.#joined());
    return new Promise((resolve, reject) => {
      this.#reading = { bytesMax, resolve, reject };
      this.#wanted();
    });
  }

  /** Nobody wants the rest. */
  discard(): void {
    this.#isDiscarding = true;
    this.#parts = [];
  }

  /** The rest will not come, or is malformed. */
  fail(text: string): void {
    if (this.isComplete) return;
    this.#failure = new DecodeError(text);
    this.#reading?.reject(this.#failure);
    this.#reading = undefined;
  }

  #take(part: Uint8Array): void {
    if (part.length === 0) return;
    if (this.#isDiscarding) {
      this.#discarded += part.length;
      return;
    }
    this.#size += part.length;
    this.#parts.push(part);
    const reading = this.#reading;
    if (reading === undefined || this.#size <= reading.bytesMax) return;
    this.#reading = undefined;
    this.discard();
    reading.reject(new BodyTooLargeError(reading.bytesMax));
  }

  #deliver(): void {
    this.#reading?.resolve(this.#joined());
    this.#reading = undefined;
  }

  #joined(): Uint8Array {
    const [first] = this.#parts;
    const joined =
      first === undefined ? nothing : this.#parts.length === 1 ? first : Buffer.concat(this.#parts);
    this.#parts = [joined];
    return joined;
  }
}
