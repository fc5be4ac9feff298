/** What the system says of itself and of this process. */
import { readFileSync, statfsSync } from "node:fs";
import { freemem, totalmem, uptime } from "node:os";

/** How many files this process may open, where the system says so. */
export function openFilesMax(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined; // No /proc on this system.
  }
}

/** What this process takes. */
export interface ProcessUsage {
  readonly heapBytes: number;
  readonly residentBytes: number;
  /** Timers, sockets and requests under way. */
  readonly openResources: number;
}

/** What this process takes now. */
export function processUsage(): ProcessUsage {
  const { heapUsed, rss } = process.memoryUsage();
  return { heapBytes: heapUsed, residentBytes: rss, openResources: process.getActiveResourcesInfo().length };
}

/** Memory and disk in bytes, by the names that metrics have for them. */
export interface HostUsage {
  readonly memory: Readonly<Record<string, number>>;
  readonly disk: Readonly<Record<string, number>>;
  readonly uptimeSeconds: number;
}

/** What this host has and has left. `path` is on the disk that counts. */
export function hostUsage(path: string): HostUsage {
  const total = totalmem();
  const free = freemem();
  const space = statfsSync(path);
  const size = space.blocks * space.bsize;
  const available = space.bavail * space.bsize;
  const used = size - space.bfree * space.bsize;
  return {
    memory: {
      total,
      available: free,
      free,
      used: total - free,
      used_percent: (100 * (total - free)) / total,
    },
    disk: { size, used, available, used_percent: size === 0 ? 0 : (100 * used) / size },
    uptimeSeconds: Math.floor(uptime()),
  };
}
