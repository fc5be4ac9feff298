/**
 * Large commands in pieces: each piece is an entry of its own, joined again when the last one is applied.
 *
 * Same form as HashiCorp's go-raftchunking: an entry's `extensions` hold a protobuf `ChunkInfo`. Pieces
 * of one leadership only belong together: a new term drops what is incomplete, on every server alike.
 * Source: protocol/raft.md §7.
 */
import { assert } from "../../lib/assert.ts";
import { DecodeError } from "../../lib/errors.ts";
import type { Term } from "../../lib/log-index.ts";
import type { Entry } from "../core/entry.ts";
import { joinBytes } from "./byte-queue.ts";

/** Data bytes of one piece, as the reference cuts. */
export const chunkBytes = 524_288;
/** More pieces than this in one command (8 GiB) no server sends. */
const chunkCountMax = 16_384;

/** Where a piece belongs. */
export interface ChunkInfo {
  /** Random, the same for all pieces of a command. */
  readonly opNum: bigint;
  /** 0-based. */
  readonly sequence: number;
  readonly count: number;
  /** Extensions of the joined command; on the last piece only. */
  readonly next: Uint8Array;
}

const none = new Uint8Array(0);

/** Cuts a command; the pieces alias it. */
export function toChunks(
  data: Uint8Array,
  command: { readonly opNum: bigint; readonly next?: Uint8Array },
): { readonly data: Uint8Array; readonly extensions: Uint8Array }[] {
  const count = Math.max(1, Math.ceil(data.length / chunkBytes));
  return Array.from({ length: count }, (_, sequence) => ({
    data: data.subarray(sequence * chunkBytes, (sequence + 1) * chunkBytes),
    extensions: encodeChunkInfo({
      opNum: command.opNum,
      sequence,
      count,
      next: sequence === count - 1 ? (command.next ?? none) : none,
    }),
  }));
}

/** Protobuf of a chunk info; zero fields are left out. */
export function encodeChunkInfo(info: ChunkInfo): Uint8Array {
  const out: number[] = [];
  const field = (tag: number, value: bigint): void => {
    if (value === 0n) return;
    pushVarint(out, BigInt(tag));
    pushVarint(out, value);
  };
  field(0x08, info.opNum);
  field(0x10, BigInt(info.sequence));
  field(0x18, BigInt(info.count));
  field(0x22, BigInt(info.next.length));
  return Uint8Array.from([...out, ...info.next]);
}

function pushVarint(out: number[], value: bigint): void {
  let rest = value;
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  out.push(Number(rest));
}

/** Reads a chunk info. Throws `DecodeError`. */
export function decodeChunkInfo(bytes: Uint8Array): ChunkInfo {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new DecodeError("raft: chunk info ends within a number");
  };
  let [opNum, sequence, count] = [0n, 0n, 0n];
  let next: Uint8Array = none;
  while (at < bytes.length) {
    const tag = varint();
    const value = varint();
    if (tag === 0x08n) opNum = value;
    else if (tag === 0x10n) sequence = value;
    else if (tag === 0x18n) count = value;
    else if (tag === 0x22n) {
      if (value > BigInt(bytes.length - at)) throw new DecodeError("raft: chunk info ends within a field");
      next = bytes.subarray(at, at + Number(value));
      at += Number(value);
    } else throw new DecodeError("raft: unknown field in chunk info");
  }
  if (count === 0n || count > BigInt(chunkCountMax) || sequence >= count)
    throw new DecodeError("raft: chunk out of range");
  return { opNum, sequence: Number(sequence), count: Number(count), next };
}

interface Partial {
  readonly count: number;
  /** By their place: what an entry says of their number takes no memory. */
  readonly pieces: Map<number, Uint8Array>;
  next: Uint8Array;
}

/** Collects pieces in the order of the log. */
export class ChunkAssembler {
  readonly #partial = new Map<bigint, Partial>();
  #term = 0;

  /** Whether nothing incomplete is held. A snapshot is cut only then, since it would not hold the pieces. */
  get isEmpty(): boolean {
    return this.#partial.size === 0;
  }

  /** Notes the term of the entry that is applied next: a new one drops what is incomplete. */
  enter(term: Term): void {
    if (term === this.#term) return;
    this.#term = term;
    this.#partial.clear();
  }

  clear(): void {
    this.#partial.clear();
  }

  /** Adds a piece; answers the whole command with the last missing one. Throws `DecodeError`. */
  add(entry: Entry): { readonly data: Uint8Array; readonly next: Uint8Array } | undefined {
    assert(entry.extensions !== undefined, "a piece has extensions");
    const info = decodeChunkInfo(entry.extensions);
    let held = this.#partial.get(info.opNum);
    if (held === undefined) {
      held = { count: info.count, pieces: new Map(), next: none };
      this.#partial.set(info.opNum, held);
    }
    if (held.count !== info.count)
      throw new DecodeError("raft: pieces of one command disagree on their number");
    held.pieces.set(info.sequence, entry.data);
    if (info.next.length > 0) held.next = info.next;
    if (held.pieces.size < held.count) return undefined;
    this.#partial.delete(info.opNum);
    const inOrder = [...held.pieces].toSorted(([a], [b]) => a - b).map(([, piece]) => piece);
    return { data: joinBytes(inOrder), next: held.next };
  }
}
