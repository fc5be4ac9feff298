/**
 * The gossip pools' files in the data directory: `serf/local.snapshot`, `serf/local.keyring` and their `remote` twins.
 *
 * Operations on one snapshot run one after the other; a replacement is written aside, flushed and renamed, so that a
 * crash leaves the old file or the new one. Keyrings are readable by their owner only.
 */
import { appendFile, mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { FileError } from "../lib/file-error.ts";
import type { KeyringFile, SnapshotFile } from "../gossip/node/gossip-files.ts";

const snapshotMode = 0o644;
const keyringMode = 0o600;

/** The snapshot at `path`, whose folder is made when first needed. `report` hears of writes that failed. */
export function openSnapshotFile(path: string, report: (failure: FileError) => void): SnapshotFile {
  let queue: Promise<void> = Promise.resolve();
  const enqueue = (work: () => Promise<void>): void => {
    queue = queue.then(work).catch((cause: unknown) => report(failureOf(`${path}: `, cause)));
  };
  return {
    read: async () => (await readTextIfThere(path)) ?? "",
    append: (text) =>
      enqueue(async () => {
        await mkdir(dirname(path), { recursive: true, mode: 0o755 });
        await appendFile(path, text, { mode: snapshotMode });
      }),
    replace: (text) =>
      enqueue(() => replaceFile(path, { aside: `${path}.compact`, text, mode: snapshotMode })),
    close: () => queue,
  };
}

/** The keyring file at `path`, whose folder is made when first needed. */
export function openKeyringFile(path: string): KeyringFile {
  return {
    write: async (text) => {
      try {
        await replaceFile(path, { aside: `${path}.tmp`, text, mode: keyringMode });
      } catch (cause) {
        throw failureOf("Failed to write keyring file: ", cause);
      }
    },
  };
}

/** The text of a file, or `undefined` if there is none. Rejects with `FileError`. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw failureOf("", cause);
  }
}

interface Replacement {
  readonly aside: string;
  readonly text: string;
  readonly mode: number;
}

async function replaceFile(path: string, { aside, text, mode }: Replacement): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const file = await open(aside, "w", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, path);
}

function failureOf(what: string, cause: unknown): FileError {
  return new FileError(`${what}${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}
