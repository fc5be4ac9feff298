import { createHash } from "node:crypto";
import { gunzip, gzip } from "node:zlib";
import { promisify } from "node:util";
import type { ArchiveTools } from "../wire/snapshot/archive.ts";

/** Compression and checksums of snapshot archives. */
export const systemArchiveTools: ArchiveTools = {
  gzip: (bytes) => promisify(gzip)(bytes),
  gunzip: (bytes) => promisify(gunzip)(bytes),
  sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
};
