/**
 * The little of tar that snapshot archives need: plain files, whole in memory.
 *
 *     header  512 bytes: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1, link 100,
 *             magic "ustar\0" 6, version "00" 2, owner 32, group 32, device 16, prefix 155
 *     body    size bytes, padded with zeros to 512; two blocks of zeros end the archive
 *
 * Source: POSIX.1-1988, ustar; sizes above 8 GiB in base 256 as GNU writes them.
 */
import { DecodeError } from "../../lib/errors.ts";

const blockBytes = 512;
const ownerMode = 0o600;
const sizeAt = 124;
const checksumAt = 148;
const typeAt = 156;
const utf8 = new TextEncoder();

export interface TarFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An archive of regular files that only their owner may read. `modifiedSeconds` since 1970. */
export function writeTar(files: readonly TarFile[], modifiedSeconds: number): Uint8Array {
  const length = files.reduce((sum, { bytes }) => sum + blockBytes + padded(bytes.length), 2 * blockBytes);
  const out = new Uint8Array(length);
  let at = 0;
  for (const { name, bytes } of files) {
    out.set(header(name, bytes.length, modifiedSeconds), at);
    out.set(bytes, at + blockBytes);
    at += blockBytes + padded(bytes.length);
  }
  return out;
}

/** The regular files of an archive, as views of it. Throws `DecodeError`. */
export function readTar(archive: Uint8Array): TarFile[] {
  const files: TarFile[] = [];
  for (let at = 0; ;) {
    if (at === archive.length) return files;
    if (archive.length - at < blockBytes) throw new DecodeError("unexpected EOF");
    const block = archive.subarray(at, at + blockBytes);
    if (block.every((byte) => byte === 0)) return files;
    if (readOctal(block, checksumAt, 8) !== checksum(block))
      throw new DecodeError("archive/tar: invalid tar header");
    const size = readSize(block);
    const start = at + blockBytes;
    if (start + size > archive.length) throw new DecodeError("unexpected EOF");
    const type = block[typeAt] ?? 0;
    // Other types (directories, extended headers) carry no snapshot data.
    if (type === 0 || type === 0x30)
      files.push({ name: readText(block, 0, 100), bytes: archive.subarray(start, start + size) });
    at = Math.min(archive.length, start + padded(size));
  }
}

function padded(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes;
}

function header(name: string, size: number, modifiedSeconds: number): Uint8Array {
  const block = new Uint8Array(blockBytes);
  block.set(utf8.encode(name), 0);
  writeOctal(block, { at: 100, width: 8 }, ownerMode);
  writeOctal(block, { at: 108, width: 8 }, 0);
  writeOctal(block, { at: 116, width: 8 }, 0);
  if (size < 8 ** 11) writeOctal(block, { at: sizeAt, width: 12 }, size);
  else {
    new DataView(block.buffer).setBigUint64(sizeAt + 4, BigInt(size));
    block[sizeAt] = 0x80;
  }
  writeOctal(block, { at: 136, width: 12 }, modifiedSeconds);
  block[typeAt] = 0x30;
  block.set(utf8.encode("ustar\u000000"), 257);
  writeOctal(block, { at: checksumAt, width: 7 }, checksum(block));
  block[checksumAt + 7] = 0x20;
  return block;
}

/** The sum of all bytes, with the checksum's own field as blanks. */
function checksum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < blockBytes; i += 1) if (i < checksumAt || i >= checksumAt + 8) sum += block[i] ?? 0;
  return sum;
}

function writeOctal(
  block: Uint8Array,
  { at, width }: { readonly at: number; readonly width: number },
  value: number,
): void {
  block.set(utf8.encode(value.toString(8).padStart(width - 1, "0")), at);
}

function readText(block: Uint8Array, at: number, width: number): string {
  const field = block.subarray(at, at + width);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function readOctal(block: Uint8Array, at: number, width: number): number {
  const text = readText(block, at, width).trim();
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : 0;
}

function readSize(block: Uint8Array): number {
  if (((block[sizeAt] ?? 0) & 0x80) === 0) return readOctal(block, sizeAt, 12);
  const size = new DataView(block.buffer, block.byteOffset).getBigUint64(sizeAt + 4);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new DecodeError("archive/tar: invalid tar header");
  return Number(size);
}
