/**
 * The agent's data directory: who this node is, and that only one agent uses it.
 *
 * The lock is a file that names the owner's pid; a file whose owner is gone is taken over. LMDB locks its
 * own files as well; this one exists to say so in plain words before anything is opened.
 */
import { randomUUID } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ProconsulError } from "../lib/errors.ts";

/** The data directory cannot be used; the message says why and what to do. */
export class DataDirError extends ProconsulError {
  readonly code = "data-dir";
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Makes the directory if needed and claims it for this process until disposed. Throws `DataDirError`. */
export function claimDataDir(path: string): Disposable {
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new DataDirError(`the data directory ${path} cannot be written: ${reason(cause)}`, { cause });
  }
  const lock = join(path, "proconsul.lock");
  for (let attempt = 0; ; attempt += 1) {
    try {
      writeFileSync(lock, `${process.pid}\n`, { flag: "wx" });
      return { [Symbol.dispose]: () => rmSync(lock, { force: true }) };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
        throw new DataDirError(`the data directory ${path} cannot be written: ${reason(cause)}`, { cause });
      }
      const owner = Number(readFileSync(lock, "utf8").trim());
      if (attempt > 0 || isAlive(owner)) {
        throw new DataDirError(
          `the data directory ${path} is in use by another agent (pid ${owner}); stop it, or choose another -data-dir`,
        );
      }
      rmSync(lock, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  // A pid may have been given to another program since.
  try {
    const name = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return name.includes("main.ts") || name.includes("proconsul") || name.includes("consul");
  } catch {
    return true; // No /proc here: better to refuse than to share.
  }
}

/** This node's id: the configured one, or the one kept in the directory, or that of `make`, which is kept. */
export function nodeIdOf(
  path: string,
  configured: string | undefined,
  make: () => string = randomUUID,
): string {
  const file = join(path, "node-id");
  if (configured !== undefined) {
    writeDurably(file, configured);
    return configured;
  }
  if (existsSync(file)) {
    const kept = readFileSync(file, "utf8").trim().toLowerCase();
    if (!uuidForm.test(kept))
      throw new DataDirError(`the file ${file} holds no node id; remove it to get a new one`);
    return kept;
  }
  const fresh = make();
  writeDurably(file, fresh);
  return fresh;
}

/** Replaces a file at one stroke. Throws `DataDirError`. */
function writeDurably(file: string, text: string): void {
  const aside = `${file}.tmp`;
  try {
    writeFileSync(aside, text, { mode: 0o600 });
    const handle = openSync(aside, "r+");
    fsyncSync(handle);
    closeSync(handle);
    renameSync(aside, file);
  } catch (cause) {
    throw new DataDirError(`${file} cannot be written: ${reason(cause)}`, { cause });
  }
}

function reason(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "no such file or directory";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "read-only file system";
    case "ENOSPC":
      return "no space left on device";
    case "ENOTDIR":
    case "EEXIST":
      return "not a directory";
    case undefined:
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

/** Writes the pid file and removes it when disposed. Throws `DataDirError`. */
export function writePidFile(path: string): Disposable {
  try {
    writeFileSync(path, String(process.pid));
  } catch (cause) {
    throw new DataDirError(`Could not open pid file: open ${path}: ${reason(cause)}`, { cause });
  }
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}
