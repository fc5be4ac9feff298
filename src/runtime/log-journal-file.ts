/**
 * A file whose writes are durable when they are done.
 *
 * On Linux it is opened with O_DSYNC: one system call writes and syncs, and since the blocks are allocated
 * beforehand no metadata has to follow. Elsewhere `fdatasync` follows each write: on macOS only that empties the
 * drive's own cache.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  write,
  writeSync,
} from "node:fs";

/** Errors are those of the system, with their `code`. */
export interface JournalFile {
  readonly size: number;
  /** New bytes from `at`; fewer than `length` at the end of the file. */
  read(at: number, length: number): Uint8Array;
  /** Holds up this thread until the bytes are durable. */
  writeNow(at: number, bytes: Uint8Array): void;
  /** Writes on another thread; `bytes` must not change until it is done. */
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** Cuts the file off. Need not be durable at once. */
  truncate(size: number): void;
  close(): void;
}

const syncsOnWrite = process.platform === "linux";

/** Opens `path`, an empty file if it is missing. Throws what the system says. */
export function openJournalFile(path: string): JournalFile {
  const { O_RDWR, O_CREAT, O_DSYNC } = constants;
  return new DiskFile(openSync(path, O_RDWR | O_CREAT | (syncsOnWrite ? O_DSYNC : 0), 0o600));
}

/** Makes the names in a directory durable. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

class DiskFile implements JournalFile {
  readonly #fd: number;
  #size: number;

  constructor(fd: number) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  get size(): number {
    return this.#size;
  }

  read(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.#size - at)));
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(this.#fd, bytes, done, bytes.length - done, at + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  }

  writeNow(at: number, bytes: Uint8Array): void {
    // A disk that is nearly full takes a part and refuses the rest.
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
    }
    if (!syncsOnWrite) fdatasyncSync(this.#fd);
    this.#size = Math.max(this.#size, at + bytes.length);
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += await this.#writeSome(bytes.subarray(done), at + done);
    }
    if (!syncsOnWrite) await this.#sync();
    this.#size = Math.max(this.#size, at + bytes.length);
  }

  truncate(size: number): void {
    ftruncateSync(this.#fd, size);
    this.#size = size;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #writeSome(bytes: Uint8Array, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#fd, bytes, 0, bytes.length, at, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    });
  }

  #sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }
}
