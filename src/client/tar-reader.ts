/**
 * Reads a tar stream: headers of 512 bytes, each followed by the file's bytes, filled up to 512.
 *
 * A cursor over chunks as they arrive; nothing but the current header and chunk is held. Only what
 * snapshot archives use is understood: plain files, and extended headers that carry a size.
 * Source: POSIX.1-2001, `pax` interchange format.
 */
import { DecodeError } from "../lib/errors.ts";

const blockBytes = 512;
const extendedBytesMax = 64 * 1024;
const decoder = new TextDecoder();

/** One file of an archive. Its bytes have to be consumed before the next file is asked for. */
export interface TarFile {
  readonly name: string;
  readonly size: number;
  /** The file's bytes; views into the source's chunks. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

function fieldText(block: Uint8Array, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

function octal(block: Uint8Array, start: number, length: number): number {
  const text = fieldText(block, start, length).trim();
  if (!/^[0-7]*$/u.test(text)) throw new DecodeError("archive/tar: invalid tar header");
  return text === "" ? 0 : Number.parseInt(text, 8);
}

/** The size field: octal, or base 256 if its first bit is set. */
function sizeField(block: Uint8Array): number {
  const first = block[124] ?? 0;
  if ((first & 0x80) === 0) return octal(block, 124, 12);
  let size = first & 0x7f;
  for (let at = 125; at < 136; at += 1) size = size * 256 + (block[at] ?? 0);
  if (!Number.isSafeInteger(size)) throw new DecodeError("archive/tar: invalid tar header");
  return size;
}

function parseHeader(block: Uint8Array): Header | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  let sum = 0;
  // The checksum is computed with its own field read as blanks.
  for (let at = 0; at < blockBytes; at += 1) sum += at >= 148 && at < 156 ? 32 : (block[at] ?? 0);
  if (octal(block, 148, 8) !== sum) throw new DecodeError("archive/tar: invalid tar header");
  return {
    name: fieldText(block, 0, 100),
    size: sizeField(block),
    type: String.fromCharCode(block[156] ?? 0),
  };
}

/** The size that an extended header states for the file behind it. */
function extendedSize(records: string): number | undefined {
  const match = /(?:^|\n)\d+ size=(\d+)\n/u.exec(records);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

class Chunks {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next 1 to `max` bytes, or `undefined` at the end. */
  async next(max: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const step = await this.#source.next();
      if (step.done === true) return undefined;
      this.#rest = step.value;
    }
    const part = this.#rest.subarray(0, max);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  /** Exactly `count` bytes in a buffer of their own; `undefined` if the source ends before the first. */
  async exactly(count: number): Promise<Uint8Array | undefined> {
    const whole = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const part = await this.next(count - at);
      if (part === undefined) {
        if (at === 0) return undefined;
        throw new DecodeError("unexpected EOF");
      }
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  async *take(count: number): AsyncGenerator<Uint8Array> {
    let left = count;
    while (left > 0) {
      const part = await this.next(left);
      if (part === undefined) throw new DecodeError("unexpected EOF");
      left -= part.length;
      yield part;
    }
  }

  async skip(count: number): Promise<void> {
    for await (const part of this.take(count)) void part;
  }
}

/** The files of a tar stream, in order. Throws `DecodeError`; errors of the source pass through. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const chunks = new Chunks(source);
  let statedSize: number | undefined;
  for (;;) {
    const block = await chunks.exactly(blockBytes);
    const header = block === undefined ? undefined : parseHeader(block);
    if (header === undefined) {
      // The end mark may be followed by fill; reading on lets the source check its own end.
      while ((await chunks.next(blockBytes)) !== undefined);
      return;
    }
    const size = statedSize ?? header.size;
    const fill = (blockBytes - (size % blockBytes)) % blockBytes;
    if (header.type === "x" || header.type === "g") {
      if (size > extendedBytesMax) throw new DecodeError("archive/tar: invalid tar header");
      const records = await chunks.exactly(size);
      if (header.type === "x") statedSize = extendedSize(decoder.decode(records));
    } else {
      statedSize = undefined;
      yield { name: header.name, size, bytes: chunks.take(size) };
    }
    await chunks.skip(fill);
  }
}
