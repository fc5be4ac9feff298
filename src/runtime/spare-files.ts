/**
 * Files of one folder that are used again, so that a small text becomes durable with one flush of data.
 *
 * A new file costs a commit of the file system's journal when it is flushed (measured on ext4: 310 µs); one whose
 * page is already allocated is overwritten, flushed (90 µs) and renamed into place. What is removed is renamed to a
 * spare instead. A spare is taken only once its renaming is on disk: else, after a power failure, the new text could
 * stand under the old name. Spares end in `.tmp`, which readers of the folder pass over, as the reference does.
 */
import { closeSync, fdatasync, fsync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** Texts up to this many bytes fit; the rest of the page is blanks. */
export const spareBytesMax = 4096;
/** Spares kept; more are removed. */
const sparesMax = 64;
/** How long renamed files gather before the folder is flushed for all. */
const gatherMs = 20;

const flushed = promisify(fsync);
const dataFlushed = promisify(fdatasync);

export class SpareFiles {
  readonly #folder: string;
  #count = 0;
  #spares: string[] = [];
  /** Renamed, and perhaps not on disk. */
  #retired: string[] = [];
  #isGathering = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes the file out of its place. It must be one page long, as those of `place` are. */
  retire(path: string): void {
    this.#count += 1;
    const spare = join(this.#folder, `spare-${process.pid}-${this.#count}.tmp`);
    renameSync(path, spare);
    if (this.#spares.length + this.#retired.length >= sparesMax) return unlinkSync(spare);
    this.#retired.push(spare);
    if (this.#isGathering) return;
    this.#isGathering = true;
    setTimeout(() => void this.#flushFolder(), gatherMs).unref();
  }

  /** Puts a text into a spare and that into its place. `undefined` if there is no spare or the text is too long. */
  place(path: string, text: string): Promise<void> | undefined {
    if (this.#spares.length === 0 || Buffer.byteLength(text) > spareBytesMax) return undefined;
    return this.#placed(this.#spares.pop() as string, path, text);
  }

  async #placed(spare: string, path: string, text: string): Promise<void> {
    const page = Buffer.alloc(spareBytesMax, " ");
    page.write(text);
    const file = openSync(spare, "r+");
    try {
      writeSync(file, page, 0, page.length, 0);
      await dataFlushed(file);
    } finally {
      closeSync(file);
    }
    renameSync(spare, path);
  }

  async #flushFolder(): Promise<void> {
    const renamed = this.#retired;
    this.#retired = [];
    try {
      const folder = openSync(this.#folder, "r");
      try {
        await flushed(folder);
      } finally {
        closeSync(folder);
      }
      this.#spares.push(...renamed);
    } catch {
      // A folder that cannot be flushed gives no spares: files are made anew. The next run removes these.
    }
    this.#isGathering = this.#retired.length > 0;
    if (this.#isGathering) setTimeout(() => void this.#flushFolder(), gatherMs).unref();
  }
}
