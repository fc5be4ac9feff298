/**
 * A time of day for each server, which can be moved while it runs, by libfaketime (Debian's package `libfaketime`).
 *
 * Monotonic time is left alone, as on a machine whose calendar is set.
 */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const libraries = "/usr/lib";
/** Asking the file for each reading of the clock would cost microseconds. */
const fileReadSeconds = 1;

/** The library to load before all others; undefined where it is not installed. */
export function clockLibrary(): string | undefined {
  if (process.platform !== "linux") return undefined;
  const folders = existsSync(libraries) ? readdirSync(libraries) : [];
  return folders
    .filter((folder) => folder.endsWith("-linux-gnu") || folder === "faketime")
    .flatMap((folder) => [join(libraries, folder, "faketime"), join(libraries, folder)])
    .map((folder) => join(folder, "libfaketime.so.1"))
    .find((path) => existsSync(path));
}

/** Clocks are files in `folder`, by the server's number. */
export class Clocks {
  readonly #folder: string;
  readonly #library: string;

  constructor(folder: string, library: string) {
    this.#folder = folder;
    this.#library = library;
  }

  /** What the server's environment needs; its clock is right at first. */
  environment(number: number): Readonly<Record<string, string>> {
    if (!existsSync(this.#file(number))) this.move(number, 0);
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#file(number),
      FAKETIME_CACHE_DURATION: String(fileReadSeconds),
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** Sets a server's time of day to `seconds` ahead of this machine's, or behind; it takes effect within a second. */
  move(number: number, seconds: number): void {
    writeFileSync(this.#file(number), `${seconds < 0 ? "" : "+"}${seconds}\n`);
  }

  #file(number: number): string {
    return join(this.#folder, `clock-${number}`);
  }
}
