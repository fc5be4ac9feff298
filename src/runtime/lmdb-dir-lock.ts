/** One process per data directory: an advisory lock that the kernel drops with the process, however it ends. */
import { closeSync, openSync } from "node:fs";

const exclusiveNow = 2 | 4; // LOCK_EX | LOCK_NB
const libraries = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libSystem.B.dylib"];

type Flock = (fd: number, operation: number) => number;

/** `held`: another process has it. `unsupported`: this runtime cannot lock, so nothing protects the directory. */
export type DirLock =
  | { readonly kind: "locked"; readonly release: () => void }
  | { readonly kind: "held" }
  | { readonly kind: "unsupported" };

/** Locks `path`, a file that is made if it is missing. Throws what `open` throws. */
export async function lockFile(path: string): Promise<DirLock> {
  const fd = openSync(path, "a");
  const flock = await loadFlock();
  if (flock === undefined) {
    closeSync(fd);
    return { kind: "unsupported" };
  }
  if (flock(fd, exclusiveNow) !== 0) {
    closeSync(fd);
    return { kind: "held" };
  }
  return { kind: "locked", release: () => closeSync(fd) };
}

/** Neither Node nor Bun offers flock(2); Bun can call the C library. */
async function loadFlock(): Promise<Flock | undefined> {
  if (process.versions["bun"] === undefined) return undefined;
  const { dlopen } = await import("bun:ffi");
  for (const library of libraries) {
    try {
      const { symbols } = dlopen(library, { flock: { args: ["i32", "i32"], returns: "i32" } });
      return symbols.flock;
    } catch (error) {
      // Another C library: the next name may be the right one.
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}
