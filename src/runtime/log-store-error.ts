/** What the disk and LMDB say, in words of the log store. */
import { existsSync, statfsSync } from "node:fs";
import { DecodeError } from "../lib/errors.ts";
import { StorageError } from "../lib/storage-error.ts";

/** Less free space than this makes an input/output error one of a full disk. */
const fullDiskBytes = 16_777_216;

/** LMDB's thread rejects with a general error that holds a promise of the real one; unawaited it ends the process. */
export async function commitError(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
  } catch (cause) {
    return cause;
  }
  return error;
}

/** LMDB calls a write that came out short an input/output error; on a full disk that is what it means. */
function isNearlyFull(path: string): boolean {
  if (!existsSync(path)) return false;
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize < fullDiskBytes;
}

/** Names what the disk or LMDB said. */
export function toLogStoreError(error: unknown, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const says = (...words: readonly (string | number)[]): boolean =>
    words.some((word) => word === code || (typeof word === "string" && text.includes(word)));
  const cause = { cause: error };
  if (
    says("ENOSPC", 28, "No space left", "MDB_MAP_FULL", "EDQUOT", 122) ||
    (says("EIO", 5, "Input/output error") && isNearlyFull(path))
  ) {
    return new StorageError("full", `no space left for the raft log in ${path}`, cause);
  }
  if (says("EROFS", 30, "EACCES", 13, "EPERM", "Read-only file system", "Permission denied")) {
    return new StorageError("read-only", `the raft log in ${path} cannot be written: ${text}`, cause);
  }
  if (
    error instanceof DecodeError ||
    says("MDB_CORRUPTED", "MDB_INVALID", "MDB_PAGE_NOTFOUND", "MDB_VERSION_MISMATCH")
  ) {
    return new StorageError("corrupt", `the raft log in ${path} is damaged: ${text}`, cause);
  }
  return new StorageError("failed", `the raft log in ${path} failed: ${text}`, cause);
}
