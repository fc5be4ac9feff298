/**
 * Frames of yamux: a 12-byte header, and for data the payload behind it.
 *
 *     0        1        2               4                               8                              12
 *     | version | type  |     flags     |           stream id           |            length             |
 *
 * All numbers are big-endian. `length` means the payload's bytes (data), the growth of a window (window
 * update), an opaque id (ping) or a reason (go away).
 * Source: protocol reference, RPC section 2; hashicorp/yamux's specification.
 */
export const frameHeaderBytes = 12;

export const frameType = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export const frameFlag = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;
/** Reasons of a go-away frame. */
export const goAwayReason = { normal: 0, protocolError: 1, internalError: 2 } as const;

const version = 0;

export interface FrameHeader {
  /** One of `frameType`. */
  readonly type: number;
  /** Bits of `frameFlag`. */
  readonly flags: number;
  /** 0 is the session itself. */
  readonly streamId: number;
  readonly length: number;
}

/** Writes the header into the first 12 bytes of `target`. */
export function writeFrameHeader(target: Uint8Array, { type, flags, streamId, length }: FrameHeader): void {
  target[0] = version;
  target[1] = type;
  target[2] = flags >>> 8;
  target[3] = flags & 0xff;
  writeU32(target, 4, streamId);
  writeU32(target, 8, length);
}

/** A frame that is only a header. */
export function encodeFrame(header: FrameHeader): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes);
  writeFrameHeader(bytes, header);
  return bytes;
}

/** What a decoder found: a header, the next part of a data frame's payload, or the end of all sense. */
export type FramePart =
  | { readonly kind: "header"; readonly header: FrameHeader }
  | { readonly kind: "payload"; readonly bytes: Uint8Array; readonly isLast: boolean }
  | { readonly kind: "invalid"; readonly problem: string };

/**
 * Cuts a stream of bytes into frames. Payload is handed out as it arrives, as views of what was fed, so a
 * length is never trusted with memory. After `invalid` nothing more is found.
 */
export class FrameDecoder {
  readonly #partial = new Uint8Array(frameHeaderBytes);
  #partialBytes = 0;
  #payloadLeft = 0;
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  #isInvalid = false;

  /** Takes bytes; the previous ones must have been used up by `next`. */
  feed(bytes: Uint8Array): void {
    this.#input = bytes;
    this.#at = 0;
  }

  /** The next part, or `undefined` when more bytes are needed. */
  next(): FramePart | undefined {
    const left = this.#input.length - this.#at;
    if (left === 0 || this.#isInvalid) return undefined;
    if (this.#payloadLeft > 0) return this.#payload(Math.min(left, this.#payloadLeft));
    if (this.#partialBytes === 0 && left >= frameHeaderBytes) {
      const at = this.#at;
      this.#at += frameHeaderBytes;
      return this.#header(this.#input, at);
    }
    const taken = Math.min(left, frameHeaderBytes - this.#partialBytes);
    this.#partial.set(this.#input.subarray(this.#at, this.#at + taken), this.#partialBytes);
    this.#partialBytes += taken;
    this.#at += taken;
    if (this.#partialBytes < frameHeaderBytes) return undefined;
    this.#partialBytes = 0;
    return this.#header(this.#partial, 0);
  }

  #payload(count: number): FramePart {
    const bytes = this.#input.subarray(this.#at, this.#at + count);
    this.#at += count;
    this.#payloadLeft -= count;
    return { kind: "payload", bytes, isLast: this.#payloadLeft === 0 };
  }

  #header(bytes: Uint8Array, at: number): FramePart {
    const type = bytes[at + 1] as number;
    if (bytes[at] !== version) return this.#invalid(`protocol version ${bytes[at]}`);
    if (type > frameType.goAway) return this.#invalid(`frame type ${type}`);
    const flags = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    const length = readU32(bytes, at + 8);
    if (type === frameType.data) this.#payloadLeft = length;
    return { kind: "header", header: { type, flags, streamId: readU32(bytes, at + 4), length } };
  }

  #invalid(problem: string): FramePart {
    this.#isInvalid = true;
    return { kind: "invalid", problem };
  }
}

function writeU32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = (value >>> 16) & 0xff;
  target[at + 2] = (value >>> 8) & 0xff;
  target[at + 3] = value & 0xff;
}

function readU32(bytes: Uint8Array, at: number): number {
  const low =
    ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return (bytes[at] as number) * 0x100_0000 + low;
}
