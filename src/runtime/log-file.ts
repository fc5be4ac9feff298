/**
 * A log file that is rotated by size and age, as the reference names its files:
 * `consul-{unix nanoseconds}.log` beside the current one; old ones are removed beyond a count.
 */
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { ProconsulError } from "../lib/errors.ts";
import { goFileText } from "./go-file-text.ts";

export interface LogFileOptions {
  /** A file, or a directory if it ends in "/". */
  readonly path: string;
  /** `undefined`: no limit. */
  readonly rotateBytes: number | undefined;
  readonly rotateDurationMs: number;
  /** Rotated files to keep; `undefined`: all. */
  readonly keptMax: number | undefined;
}

/** The reference's. */
const logMode = 0o640;

/** A log file that cannot be opened. */
export class LogFileError extends ProconsulError {
  readonly code = "log-file";
}

/**
 * Returns a function that appends one line. Folders that are missing are made. Throws `LogFileError`; later failures
 * are told once on standard error.
 */
export function openLogFile(options: LogFileOptions): (line: string) => void {
  const file = options.path.endsWith("/") ? join(options.path, "consul.log") : options.path;
  const current = extname(file) === "" ? `${file}.log` : file;
  let bytes = firstSize(current);
  let openedMs = Date.now();
  let complained = false;
  let lastMicroseconds = 0;
  return (line) => {
    const text = `${line}\n`;
    try {
      const full =
        options.rotateBytes !== undefined && bytes > 0 && bytes + text.length > options.rotateBytes;
      if (full || Date.now() - openedMs > options.rotateDurationMs) {
        // Two in one millisecond have names of their own.
        lastMicroseconds = Math.max(lastMicroseconds + 1, Date.now() * 1000);
        rotate(current, { keptMax: options.keptMax, name: `${lastMicroseconds}000` });
        bytes = 0;
        openedMs = Date.now();
      }
      appendFileSync(current, text, { mode: logMode });
      bytes += text.length;
    } catch (error) {
      if (!complained) process.stderr.write(`cannot write the log file: ${String(error)}\n`);
      complained = true;
    }
  };
}

/** Bytes of the file, which is made if there is none. */
function firstSize(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, "", { mode: logMode });
    return statSync(file).size;
  } catch (cause) {
    throw new LogFileError(`Failed to setup logging: ${goFileText("open", file, cause)}`, { cause });
  }
}

function rotate(
  current: string,
  { keptMax, name }: { readonly keptMax: number | undefined; readonly name: string },
): void {
  const ending = extname(current);
  const stem = basename(current, ending);
  const folder = dirname(current);
  renameSync(current, join(folder, `${stem}-${name}${ending}`));
  if (keptMax === undefined) return;
  const old = readdirSync(folder)
    .filter((old) => old.startsWith(`${stem}-`) && old.endsWith(ending))
    .sort();
  for (const one of old.slice(0, Math.max(0, old.length - keptMax)))
    rmSync(join(folder, one), { force: true });
}
