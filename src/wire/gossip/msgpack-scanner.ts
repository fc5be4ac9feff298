/**
 * Finds where MessagePack values end in a buffer that is still growing, without decoding them.
 *
 * Resumes where it stopped, so that the work is linear however the input is cut up: a peer that sends byte by byte
 * costs no more than one that sends at once.
 */
import { DecodeError } from "../../lib/errors.ts";

/** Positions are offsets in the buffer that is given to `scan`, which may only have grown since. */
export class MsgpackScanner {
  #at: number;
  #valuesLeft: number;

  constructor(start: number, values: number) {
    this.#at = start;
    this.#valuesLeft = values;
  }

  /**
   * Where the values end, or `undefined` while more bytes are needed. Throws `DecodeError` for a byte that starts no
   * value.
   */
  scan(bytes: Uint8Array): number | undefined {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    while (this.#valuesLeft > 0) {
      const head = headOf(view, this.#at);
      if (head === undefined) return undefined;
      const end = this.#at + head.bytes;
      if (end > bytes.length) return undefined;
      this.#at = end;
      this.#valuesLeft += head.values - 1;
    }
    return this.#at;
  }
}

interface Head {
  /** The value's own bytes, without those of its elements. */
  readonly bytes: number;
  /** Elements that follow. */
  readonly values: number;
}

/** Sizes of a value by its tag; `undefined` if its length field is not all there. */
function headOf(view: DataView, at: number): Head | undefined {
  if (at >= view.byteLength) return undefined;
  const tag = view.getUint8(at);
  if (tag <= 0x7f || tag >= 0xe0) return leaf(1);
  if (tag <= 0x8f) return { bytes: 1, values: (tag & 0x0f) * 2 };
  if (tag <= 0x9f) return { bytes: 1, values: tag & 0x0f };
  if (tag <= 0xbf) return leaf(1 + (tag & 0x1f));
  const form = forms[tag - 0xc0];
  if (form === undefined) throw new DecodeError("msgpack: byte c1 starts no value");
  const [kind, size] = form;
  if (kind === "fixed") return leaf(size);
  const length = lengthAt(view, at + 1, size);
  if (length === undefined) return undefined;
  switch (kind) {
    case "raw":
      return leaf(1 + size + length);
    case "ext":
      return leaf(2 + size + length);
    case "array":
      return { bytes: 1 + size, values: length };
    case "map":
      return { bytes: 1 + size, values: length * 2 };
  }
}

function leaf(bytes: number): Head {
  return { bytes, values: 0 };
}

function lengthAt(view: DataView, at: number, size: number): number | undefined {
  if (at + size > view.byteLength) return undefined;
  if (size === 1) return view.getUint8(at);
  return size === 2 ? view.getUint16(at) : view.getUint32(at);
}

type Form = readonly ["fixed" | "raw" | "ext" | "array" | "map", number];

/** Tags c0…df: fixed values with their whole size, the others with the size of their length field. */
const forms: readonly (Form | undefined)[] = [
  ["fixed", 1],
  undefined,
  ["fixed", 1],
  ["fixed", 1],
  ["raw", 1],
  ["raw", 2],
  ["raw", 4],
  ["ext", 1],
  ["ext", 2],
  ["ext", 4],
  ["fixed", 5],
  ["fixed", 9],
  ["fixed", 2],
  ["fixed", 3],
  ["fixed", 5],
  ["fixed", 9],
  ["fixed", 2],
  ["fixed", 3],
  ["fixed", 5],
  ["fixed", 9],
  ["fixed", 3],
  ["fixed", 4],
  ["fixed", 6],
  ["fixed", 10],
  ["fixed", 18],
  ["raw", 1],
  ["raw", 2],
  ["raw", 4],
  ["array", 2],
  ["array", 4],
  ["map", 2],
  ["map", 4],
];
