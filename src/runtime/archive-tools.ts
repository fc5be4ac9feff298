/** Compression and hashing for snapshot archives, off the main thread where the platform can. */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { ArchiveTools } from "../wire/snapshot/archive.ts";

const packed = promisify<Uint8Array, Uint8Array>(gzip);
const plain = promisify<Uint8Array, Uint8Array>(gunzip);

/** The tools of Node's own libraries. */
export const archiveTools: ArchiveTools = {
  gzip: packed,
  gunzip: plain,
  sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
};
