/** A twin of the journal's files in memory, on a disk that can lose its power or its space at any write. */
import type { JournalFile } from "./log-journal-file.ts";

/** Thrown by everything on a disk that has lost its power. */
export class PowerLoss extends Error {
  override readonly name = "PowerLoss";
}

/** What several files have in common: a count of steps, and what happens at one of them. */
export class FaultyDisk {
  #steps = 0;
  #isDead = false;
  readonly #deadAt: number;
  readonly #keptShare: number;

  /** Power goes at step `deadAt`, of whose bytes `keptShare` (0 … 1) reach the disk. */
  constructor(deadAt = Number.POSITIVE_INFINITY, keptShare = 0) {
    this.#deadAt = deadAt;
    this.#keptShare = keptShare;
  }

  get steps(): number {
    return this.#steps;
  }

  /** Counts a step. The share of it that happens: 1, unless power goes; throws when it is gone already. */
  step(): number {
    if (this.#isDead) throw new PowerLoss();
    this.#steps += 1;
    if (this.#steps < this.#deadAt) return 1;
    this.#isDead = true;
    return this.#keptShare;
  }
}

/** A file on it; `bytes` is what would be found after a crash. */
export class FaultyFile implements JournalFile {
  bytes: Uint8Array;
  readonly #disk: FaultyDisk;
  /** A write beyond this many bytes finds no space; a part of it is taken. */
  readonly #spaceBytes: number;

  constructor(
    disk: FaultyDisk,
    bytes: Uint8Array = new Uint8Array(0),
    spaceBytes = Number.POSITIVE_INFINITY,
  ) {
    this.#disk = disk;
    this.bytes = bytes;
    this.#spaceBytes = spaceBytes;
  }

  get size(): number {
    return this.bytes.length;
  }

  read(at: number, length: number): Uint8Array {
    return this.bytes.slice(at, at + length);
  }

  writeNow(at: number, bytes: Uint8Array): void {
    const share = this.#disk.step();
    const room = Math.max(0, this.#spaceBytes - at);
    this.#put(at, bytes.subarray(0, Math.min(room, Math.floor(bytes.length * share))));
    if (share < 1) throw new PowerLoss();
    if (room < bytes.length) throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.writeNow(at, bytes);
  }

  truncate(size: number): void {
    this.bytes = this.bytes.slice(0, size);
  }

  close(): void {
    // Nothing to give back.
  }

  #put(at: number, bytes: Uint8Array): void {
    if (at + bytes.length > this.bytes.length) {
      const grown = new Uint8Array(at + bytes.length);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(bytes, at);
  }
}
