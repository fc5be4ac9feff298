/**
 * Lets go of pages of the runtime's own program, of which an agent needs most only while it starts: 40 MiB are touched
 * by then, 10 MiB later. They stay in the system's file cache, where the next agent on the machine finds them, and
 * so does this one, at a microsecond for 16 pages, should it want them again.
 *
 *     /proc/self/smaps   01a40000-0684a000 r-xp …  /usr/lib/bun
 *                        Anonymous: 0 kB              nothing here was ever changed: what is let go can be read again
 */
import { readFileSync, readlinkSync } from "node:fs";

/** Part of the address space: from its first byte to before `end`. */
export interface PageRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** `MADV_DONTNEED` of Linux: a private mapping of a file is read from the file again when it is touched. */
const dontNeed = 4;
const libraries = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/**
 * The mappings of `program` in the text of `/proc/PID/smaps` that hold nothing but the file: not writable, and no
 * page of them was ever written (relocations are).
 */
export function unchangedRanges(smaps: string, program: string): readonly PageRange[] {
  const found: PageRange[] = [];
  let range: PageRange | undefined;
  for (const line of smaps.split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (head !== null) {
      const [, start = "", end = "", rights = "", path = ""] = head;
      const isPlain = path === program && !rights.includes("w") && rights.endsWith("p");
      range = isPlain ? { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) } : undefined;
    } else if (range !== undefined && /^Anonymous:\s+0 kB$/.test(line)) {
      found.push(range);
    }
  }
  return found;
}

/** Does nothing where the system is not Linux or the runtime cannot call it. Never throws. */
export async function releaseProgramPages(): Promise<void> {
  if (typeof Bun === "undefined" || process.platform !== "linux") return;
  try {
    const release = await loadMadvise();
    const ranges = unchangedRanges(readFileSync("/proc/self/smaps", "utf8"), readlinkSync("/proc/self/exe"));
    for (const { start, end } of ranges) release?.(start, end - start, dontNeed);
  } catch (error) {
    // Without /proc, or where calls are forbidden, pages stay as they are: nobody but `top` will notice.
    if (!(error instanceof Error)) throw error;
  }
}

type Madvise = (start: bigint, length: bigint, advice: number) => number;
let madvise: Promise<Madvise | undefined> | undefined;

/** Loaded when it is first wanted: calling the C library compiles a few lines for it. */
function loadMadvise(): Promise<Madvise | undefined> {
  madvise ??= openMadvise();
  return madvise;
}

async function openMadvise(): Promise<Madvise | undefined> {
  const { dlopen } = await import("bun:ffi");
  for (const library of libraries) {
    try {
      return dlopen(library, { madvise: { args: ["u64", "u64", "i32"], returns: "i32" } }).symbols.madvise;
    } catch (error) {
      // Another C library: the next name may be the right one.
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}
