/**
 * Snapshots on disk: `<term>-<index>-<ms>/{meta.json,state.bin}`, as HashiCorp's FileSnapshotStore lays them out.
 *
 * Written in `….tmp`, synced file by file, then renamed, and the rename synced: a name without `.tmp` stands for
 * a snapshot that was whole once. Whether it still is, a checksum tells when it is read at start.
 */
import { mkdir, open, readdir, readFile, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { Crc64 } from "../lib/crc64.ts";
import { DecodeError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { StorageError, type StorageFailure } from "../lib/storage-error.ts";
import type { SnapshotMark } from "../raft/core/entry.ts";
import type {
  Chunks,
  FileSnapshotMeta,
  OpenSnapshot,
  SnapshotMeta,
  SnapshotMetaCodec,
  SnapshotStore,
} from "../raft/node/snapshot-store.ts";

const keptMax = 2;
/** Small pieces are gathered up to this: a system call for each record would cost more than the record. */
const bufferBytes = 262_144;
const directoryName = /^\d+-\d+-\d+$/;
const temporaryName = /^\d+-\d+-\d+\.tmp$/;

export interface SnapshotStoreOptions {
  /** `…/raft/snapshots`, made if it is missing. */
  readonly path: string;
  readonly codec: SnapshotMetaCodec;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens a store and removes what a crash left half written. Rejects with `StorageError`. */
export async function openSnapshotStore(options: SnapshotStoreOptions): Promise<SnapshotStore> {
  const { path } = options;
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    for (const name of await readdir(path)) {
      if (temporaryName.test(name)) await rm(join(path, name), { recursive: true });
    }
  } catch (error) {
    throw toStorageError(error, `cannot use ${path} for snapshots`);
  }
  return new FileSnapshotStore(options);
}

class FileSnapshotStore implements SnapshotStore {
  readonly #path: string;
  readonly #codec: SnapshotMetaCodec;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(options: SnapshotStoreOptions) {
    this.#path = options.path;
    this.#codec = options.codec;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  async newest(): Promise<SnapshotMeta | undefined> {
    for (const meta of await this.#list()) {
      const problem = await this.#problem(meta);
      if (problem === undefined) return meta;
      this.#log.error("snapshot is damaged and passed over", { id: meta.id, problem });
    }
    return undefined;
  }

  async write(mark: SnapshotMark, chunks: Chunks): Promise<SnapshotMeta> {
    const id = await this.#freeId(mark);
    const temporary = join(this.#path, `${id}.tmp`);
    try {
      await mkdir(temporary, { mode: 0o700 });
      const state = await writeState(join(temporary, "state.bin"), chunks);
      const meta = { ...mark, id, ...state };
      await writeSynced(join(temporary, "meta.json"), this.#codec.render(meta));
      await syncDirectory(temporary);
      await rename(temporary, join(this.#path, id));
      await syncDirectory(this.#path);
      await this.#reap();
      return meta;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      if (!(error instanceof Error) || !("syscall" in error)) throw error;
      throw toStorageError(error, `cannot write snapshot ${id} in ${this.#path}`);
    }
  }

  async remove(end: { readonly index: number; readonly term: number }): Promise<void> {
    try {
      for (const meta of await this.#list()) {
        if (meta.index !== end.index || meta.term !== end.term) continue;
        await rm(join(this.#path, meta.id), { recursive: true, force: true });
        await syncDirectory(this.#path);
      }
    } catch (error) {
      throw toStorageError(error, `cannot remove a snapshot in ${this.#path}`);
    }
  }

  async open(end: { readonly index: number; readonly term: number }): Promise<OpenSnapshot | undefined> {
    const meta = (await this.#list()).find((one) => one.index === end.index && one.term === end.term);
    if (meta === undefined) return undefined;
    const handle = await open(join(this.#path, meta.id, "state.bin"), "r");
    return { meta, chunks: readState(handle), [Symbol.asyncDispose]: () => handle.close() };
  }

  /** All that have readable metadata, newest first. */
  async #list(): Promise<readonly FileSnapshotMeta[]> {
    const found: FileSnapshotMeta[] = [];
    for (const name of await readdir(this.#path)) {
      if (!directoryName.test(name)) continue;
      try {
        const meta = this.#codec.parse(await readFile(join(this.#path, name, "meta.json"), "utf8"));
        if (meta.id === name) found.push(meta);
        else
          this.#log.error("snapshot is damaged and passed over", {
            id: name,
            problem: `it calls itself ${meta.id}`,
          });
      } catch (error) {
        if (!(error instanceof DecodeError) && !isMissing(error)) throw error;
        this.#log.error("snapshot is damaged and passed over", { id: name, problem: String(error) });
      }
    }
    return found.sort(newestFirst);
  }

  async #problem(meta: FileSnapshotMeta): Promise<string | undefined> {
    const sum = new Crc64();
    let sizeBytes = 0;
    try {
      await using handle = await open(join(this.#path, meta.id, "state.bin"), "r");
      for await (const chunk of readState(handle)) {
        sum.update(chunk);
        sizeBytes += chunk.length;
      }
    } catch (error) {
      return String(error);
    }
    if (sizeBytes !== meta.sizeBytes) return `state.bin has ${sizeBytes} bytes instead of ${meta.sizeBytes}`;
    return sum.digest().every((byte, at) => byte === meta.crc[at])
      ? undefined
      : "the checksum of state.bin does not match";
  }

  /** Two snapshots of one place in one millisecond get different names. */
  async #freeId(mark: SnapshotMark): Promise<string> {
    const taken = new Set(await readdir(this.#path));
    for (let ms: number = this.#clock.wallMs(); ; ms += 1) {
      const id = `${mark.term}-${mark.index}-${Math.trunc(ms)}`;
      if (!taken.has(id)) return id;
    }
  }

  async #reap(): Promise<void> {
    for (const meta of (await this.#list()).slice(keptMax)) {
      await rm(join(this.#path, meta.id), { recursive: true, force: true });
    }
  }
}

async function writeState(
  path: string,
  chunks: Chunks,
): Promise<{ readonly sizeBytes: number; readonly crc: Uint8Array }> {
  await using handle = await open(path, "wx", 0o600);
  const sum = new Crc64();
  const buffer = new Uint8Array(bufferBytes);
  let filled = 0;
  let sizeBytes = 0;
  const put = async (bytes: Uint8Array): Promise<void> => {
    sum.update(bytes);
    sizeBytes += bytes.length;
    await handle.writeFile(bytes);
  };
  for await (const chunk of chunks) {
    if (filled + chunk.length > bufferBytes) {
      await put(buffer.subarray(0, filled));
      filled = 0;
    }
    if (chunk.length > bufferBytes) await put(chunk);
    else {
      buffer.set(chunk, filled);
      filled += chunk.length;
    }
  }
  await put(buffer.subarray(0, filled));
  await handle.sync();
  return { sizeBytes, crc: sum.digest() };
}

async function* readState(handle: FileHandle): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (;;) {
    const buffer = new Uint8Array(bufferBytes);
    const { bytesRead } = await handle.read(buffer, 0, bufferBytes, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  await using handle = await open(path, "wx", 0o600);
  await handle.writeFile(text);
  await handle.sync();
}

/** Makes a rename or a new file in it durable. */
async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Orders snapshots newest first: by term, index, then name. */
function newestFirst(a: SnapshotMeta, b: SnapshotMeta): number {
  if (a.term !== b.term) return b.term - a.term;
  if (a.index !== b.index) return b.index - a.index;
  return a.id < b.id ? 1 : -1;
}

const reasons: Readonly<Record<string, StorageFailure>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  EROFS: "read-only",
  EACCES: "read-only",
  EPERM: "read-only",
};

function toStorageError(error: unknown, what: string): StorageError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return new StorageError(reasons[code] ?? "failed", `${what}: ${String(error)}`, { cause: error });
}
