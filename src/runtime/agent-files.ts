/**
 * Registrations in the data directory: `services`, `checks` and `checks/state`, one JSON file each.
 *
 * A file's name is the SHA-256 of the id, as the reference has it, so that a data directory can change hands.
 * Registrations are written aside, flushed and renamed (`spare-files.ts`). Soft writes (the last word on a TTL
 * check, which comes many times a second) overwrite one page in place, padded with blanks: a page is written whole
 * or not at all when the process ends, and a rename over a file makes the file system flush it (measured on ext4:
 * 730 µs against 15).
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { AgentFileKind, AgentFiles } from "../agent/files.ts";
import { spareBytesMax, SpareFiles } from "./spare-files.ts";

const asideSuffix = ".tmp";
const pageBytes = spareBytesMax;
const flushed = promisify(fsync);

/** Files below `dataDir`; folders are made when first needed. */
export function openAgentFiles(dataDir: string): AgentFiles {
  return new DataDirFiles(dataDir);
}

interface SoftWrite {
  readonly text: string;
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class DataDirFiles implements AgentFiles {
  readonly #dataDir: string;
  #asideCount = 0;
  /** The last act on each file that is under way: acts on one file keep their order. */
  readonly #turns = new Map<string, Promise<void>>();
  /** Kinds of which this run wrote or removed files. */
  readonly #touched = new Set<AgentFileKind>();
  readonly #spares = new Map<AgentFileKind, SpareFiles>();
  /** Soft writes of this turn of the event loop, by path; the newest counts for all. */
  #soft = new Map<string, SoftWrite>();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async list(kind: AgentFileKind): Promise<readonly string[]> {
    const folder = join(this.#dataDir, kind);
    const entries = await orMissing(readdir(folder, { withFileTypes: true }));
    const files = (entries ?? []).filter((entry) => entry.isFile());
    if (!this.#touched.has(kind)) {
      // Nothing was written yet: what lies aside was left by an earlier run.
      for (const { name } of files.filter((file) => isAside(file.name))) unlinkIfThere(join(folder, name));
    }
    const texts = await Promise.all(
      files.filter(({ name }) => !isAside(name)).map(({ name }) => textOf(join(folder, name))),
    );
    return texts.filter((text) => text !== undefined);
  }

  read(kind: AgentFileKind, id: string): Promise<string | undefined> {
    return textOf(this.#pathOf(kind, id));
  }

  write(kind: AgentFileKind, id: string, text: string): Promise<void> {
    const path = this.#pathOf(kind, id);
    this.#touched.add(kind);
    return this.#inTurn(path, async () => {
      try {
        const placed = this.#sparesOf(kind).place(path, text);
        if (placed !== undefined) return await placed;
      } catch {
        // A spare that somebody removed or that cannot be written: a new file tells what is wrong, if anything is.
      }
      return this.#replace(path, text);
    });
  }

  writeSoft(kind: AgentFileKind, id: string, text: string): Promise<void> {
    const path = this.#pathOf(kind, id);
    const waiting = this.#soft.get(path);
    const write = waiting === undefined ? softWrite(text) : { ...waiting, text };
    this.#touched.add(kind);
    if (this.#soft.size === 0) setImmediate(() => this.#writeAllSoft());
    this.#soft.set(path, write);
    return write.done;
  }

  remove(kind: AgentFileKind, id: string): Promise<void> {
    const path = this.#pathOf(kind, id);
    this.#touched.add(kind);
    this.#soft.get(path)?.resolve();
    this.#soft.delete(path);
    return this.#inTurn(path, () => this.#remove(kind, path));
  }

  #sparesOf(kind: AgentFileKind): SpareFiles {
    const known = this.#spares.get(kind);
    if (known !== undefined) return known;
    const made = new SpareFiles(join(this.#dataDir, kind));
    this.#spares.set(kind, made);
    return made;
  }

  #remove(kind: AgentFileKind, path: string): void {
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) return;
    if (size === spareBytesMax && kind !== "checks/state") this.#sparesOf(kind).retire(path);
    else unlinkSync(path);
  }

  #pathOf(kind: AgentFileKind, id: string): string {
    return join(this.#dataDir, kind, createHash("sha256").update(id).digest("hex"));
  }

  /** Runs at once, up to the first wait, when nothing is under way for the file. */
  async #inTurn(path: string, act: () => Promise<void> | void): Promise<void> {
    for (let before = this.#turns.get(path); before !== undefined; before = this.#turns.get(path)) {
      // Its own caller is told of a failure.
      await before.catch(() => undefined);
    }
    const acting = act();
    if (acting === undefined) return;
    this.#turns.set(path, acting);
    try {
      await acting;
    } finally {
      this.#turns.delete(path);
    }
  }

  async #replace(path: string, text: string): Promise<void> {
    this.#asideCount += 1;
    const aside = `${path}.${this.#asideCount}${asideSuffix}`;
    const file = opened(aside, "w");
    try {
      try {
        writeSync(file, padded(text));
        await flushed(file);
      } finally {
        closeSync(file);
      }
      renameSync(aside, path);
    } catch (error) {
      unlinkIfThere(aside);
      throw error;
    }
  }

  #writeAllSoft(): void {
    const writes = this.#soft;
    this.#soft = new Map();
    for (const [path, { text, resolve, reject }] of writes) {
      try {
        this.#overwrite(path, text);
        resolve();
      } catch (error) {
        reject(error);
      }
    }
  }

  #overwrite(path: string, text: string): void {
    const page = padded(text);
    if (page.length === pageBytes) {
      const file = opened(path, constants.O_WRONLY | constants.O_CREAT);
      try {
        if (fstatSync(file).size <= pageBytes) {
          writeSync(file, page, 0, pageBytes, 0);
          return;
        }
      } finally {
        closeSync(file);
      }
    }
    const aside = `${path}${asideSuffix}`;
    writeFileSync(aside, text, { mode: 0o600 });
    renameSync(aside, path);
  }
}

/** With blanks up to a page, so that the file can be used again. Longer texts stay as they are. */
function padded(text: string): Buffer {
  if (Buffer.byteLength(text) > pageBytes) return Buffer.from(text);
  const page = Buffer.alloc(pageBytes, " ");
  page.write(text);
  return page;
}

function isAside(name: string): boolean {
  return name.endsWith(asideSuffix);
}

function softWrite(text: string): SoftWrite {
  let resolve: () => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const done = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { text, done, resolve, reject };
}

/** Opens for writing; makes the folder when there is none. */
function opened(path: string, flags: string | number): number {
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if (!isMissing(error)) throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, flags, 0o600);
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Without the blanks that pad a page. */
async function textOf(path: string): Promise<string | undefined> {
  return (await orMissing(readFile(path, "utf8")))?.trimEnd();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** `undefined` for what does not exist; other failures pass on. */
async function orMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
