import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { writeTar, type TarFile } from "../wire/snapshot/tar.ts";

/** A compressed archive of files that only their owner may read. `modifiedSeconds` since 1970. */
export function tarGz(files: readonly TarFile[], modifiedSeconds: number): Promise<Uint8Array> {
  return promisify(gzip)(writeTar(files, modifiedSeconds));
}
