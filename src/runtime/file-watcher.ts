/**
 * Tells when files have changed, for configurations that reload by themselves.
 *
 * The folders of the files are watched, not the files: editors and deployments put a new file in the place of the old
 * one, or turn a symlink. What is told is only that something is worth a look; whether anything is different is
 * then seen from the files themselves. A look now and then finds what a file system does not tell.
 */
import { readdirSync, statSync, watch, type FSWatcher } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../lib/clock.ts";

/** Several changes in one go count as one. Source: the reference's `AutoReloadConfigCoalesceInterval`. */
const settleMs = 1_000;
const lookMs = 10_000;

/** Calls `changed` some time after one of `paths`, files or folders, has changed, until disposed. */
export function watchFiles(
  paths: readonly string[],
  { clock, changed }: { readonly clock: Clock; readonly changed: () => void },
): Disposable {
  let seen = fingerprint(paths);
  let settling: Disposable | undefined;
  let looking: Disposable | undefined;
  let isOver = false;
  const look = (): void => {
    settling = undefined;
    const now = fingerprint(paths);
    if (now === seen) return;
    seen = now;
    changed();
  };
  const stirred = (): void => {
    if (!isOver) settling ??= clock.after(settleMs, look);
  };
  const lookAgain = (): void => {
    looking = clock.after(lookMs, () => {
      stirred();
      lookAgain();
    });
  };
  const folders = new Set(paths.flatMap((path) => (isFolder(path) ? [path] : [dirname(path)])));
  const watchers = [...folders].flatMap((folder) => openWatcher(folder, stirred));
  lookAgain();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      for (const watcher of watchers) watcher.close();
      settling?.[Symbol.dispose]();
      looking?.[Symbol.dispose]();
    },
  };
}

/** A folder that cannot be watched is only looked at now and then. */
function openWatcher(folder: string, stirred: () => void): readonly FSWatcher[] {
  try {
    const watcher = watch(folder, { persistent: false }, stirred);
    watcher.on("error", () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Differs when a file was written, replaced, added or removed. */
function fingerprint(paths: readonly string[]): string {
  const files = paths.flatMap((path) => {
    if (!isFolder(path)) return [path];
    try {
      return readdirSync(path)
        .sort()
        .map((name) => join(path, name));
    } catch {
      return [path];
    }
  });
  const marks = files.map((file) => {
    try {
      const { ino, size, mtimeMs } = statSync(file);
      return [file, ino, size, mtimeMs];
    } catch {
      return [file];
    }
  });
  return JSON.stringify(marks);
}
