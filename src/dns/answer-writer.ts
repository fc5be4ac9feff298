/**
 * Writes prepared records into one buffer that is used again and again.
 *
 * It gives the same bytes as `encodeMessage`: a name's end that was written before becomes a pointer, where that is
 * allowed. Where an end was written is noted with the number of the message, so nothing has to be cleared in between.
 */
import type { PreparedName } from "./prepared-names.ts";
import type { PreparedRecord } from "./prepared-records.ts";

/** Twice what a message may have, so that one that is too large is noticed after it was written. */
const bufferBytes = 131_072;
const messageBytesMax = 65_535;
const headerBytes = 12;
const pointerOffsetMax = 0x3fff;
const pointerMark = 0xc0;

export class AnswerWriter {
  readonly #bytes = new Uint8Array(bufferBytes);
  /** By the number of an end: where it was written, and in which message. */
  #offsets = new Int32Array(64);
  #messages = new Float64Array(64);
  #message = 0;
  #compress = true;
  #timeSeconds = 0;
  #bytesMax = messageBytesMax;
  /** Bytes written so far. */
  length = 0;

  /** Begins a message after its header: with the question as it was asked. */
  begin(
    question: { readonly bytes: Uint8Array; readonly name: PreparedName },
    options: {
      readonly compress: boolean;
      readonly timeSeconds: number;
      /** Ends in the table that names come from. */
      readonly endCount: number;
      readonly bytesMax: number;
    },
  ): void {
    this.#message += 1;
    this.#compress = options.compress;
    this.#timeSeconds = options.timeSeconds;
    this.#bytesMax = Math.min(options.bytesMax, messageBytesMax);
    this.#reserve(options.endCount);
    this.#bytes.set(question.bytes, headerBytes);
    this.length = headerBytes + question.bytes.length;
    for (let index = 0; index < question.name.ends.length; index += 1)
      this.#note(question.name.ends[index] ?? 0, headerBytes + (question.name.starts[index] ?? 0));
  }

  /** `false`: it did not fit, and the message is spoilt. */
  record({ owner, head, pieces, plainBytes }: PreparedRecord): boolean {
    // What is larger than the buffer even when compressed is not for this writer.
    if (this.length + plainBytes > bufferBytes) return false;
    this.#name(owner, true);
    this.#raw(head);
    const sizeAt = this.length;
    this.length += 2;
    for (const piece of pieces) {
      if (piece.kind === "bytes") this.#raw(piece.bytes);
      else if (piece.kind === "name") this.#name(piece.name, piece.isCompressed);
      else this.#u32(this.#timeSeconds);
    }
    const size = this.length - sizeAt - 2;
    this.#bytes[sizeAt] = size >> 8;
    this.#bytes[sizeAt + 1] = size & 255;
    return this.length <= this.#bytesMax;
  }

  /** Bytes as they are. */
  append(bytes: Uint8Array): boolean {
    if (this.length + bytes.length > bufferBytes) return false;
    this.#raw(bytes);
    return this.length <= this.#bytesMax;
  }

  /** The message with its header: id and flags, one question, and the numbers of records. */
  finish(header: {
    readonly id: number;
    readonly flags: number;
    readonly answers: number;
    readonly authority: number;
    readonly additional: number;
  }): Uint8Array {
    const whole = this.#bytes.slice(0, this.length);
    const fields = [header.id, header.flags, 1, header.answers, header.authority, header.additional];
    for (let index = 0; index < fields.length; index += 1) {
      const value = fields[index] ?? 0;
      whole[index * 2] = value >> 8;
      whole[index * 2 + 1] = value & 255;
    }
    return whole;
  }

  #name({ bytes, starts, ends }: PreparedName, isCompressed: boolean): void {
    const base = this.length;
    if (!this.#compress) return this.#raw(bytes);
    let known = -1;
    let label = 0;
    for (; label < ends.length; label += 1) {
      const end = ends[label] ?? 0;
      if (this.#messages[end] === this.#message) {
        if (!isCompressed) continue;
        known = this.#offsets[end] ?? 0;
        break;
      }
      const at = base + (starts[label] ?? 0);
      if (at <= pointerOffsetMax) this.#note(end, at);
    }
    if (known < 0) return this.#raw(bytes);
    const size = starts[label] ?? 0;
    for (let index = 0; index < size; index += 1) this.#bytes[base + index] = bytes[index] ?? 0;
    this.#bytes[base + size] = pointerMark | (known >> 8);
    this.#bytes[base + size + 1] = known & 255;
    this.length = base + size + 2;
    return undefined;
  }

  #note(end: number, offset: number): void {
    if (this.#messages[end] === this.#message) return;
    this.#messages[end] = this.#message;
    this.#offsets[end] = offset;
  }

  #raw(bytes: Uint8Array): void {
    const base = this.length;
    const target = this.#bytes;
    for (let index = 0; index < bytes.length; index += 1) target[base + index] = bytes[index] as number;
    this.length = base + bytes.length;
  }

  #u32(value: number): void {
    this.#bytes[this.length] = (value >>> 24) & 255;
    this.#bytes[this.length + 1] = (value >>> 16) & 255;
    this.#bytes[this.length + 2] = (value >>> 8) & 255;
    this.#bytes[this.length + 3] = value & 255;
    this.length += 4;
  }

  #reserve(endCount: number): void {
    if (endCount <= this.#offsets.length) return;
    const size = Math.max(endCount, this.#offsets.length * 2);
    const [offsets, messages] = [new Int32Array(size), new Float64Array(size)];
    offsets.set(this.#offsets);
    messages.set(this.#messages);
    this.#offsets = offsets;
    this.#messages = messages;
  }
}
