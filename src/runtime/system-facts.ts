/** What the system says of itself and of this process. */
import { readFileSync, statfsSync } from "node:fs";
import { arch, cpus, freemem, hostname, loadavg, platform, release, totalmem, uptime } from "node:os";
import type { JsonObject } from "../wire/schema/codec.ts";

/** How many files this process may open, where the system says so. */
export function openFilesMax(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined; // No /proc on this system.
  }
}

/** CPU, memory, disk and system, in the shape of `/v1/agent/host`. `disk` is a path on the disk that counts. */
export function hostInfo(disk: string): JsonObject {
  const total = totalmem();
  const available = freemem();
  const space = statfsSync(disk);
  const diskTotal = space.blocks * space.bsize;
  const diskFree = space.bfree * space.bsize;
  return {
    Memory: { total, available, used: total - available, usedPercent: (100 * (total - available)) / total },
    CPU: cpus().map(({ model, speed }, cpu) => ({ cpu, modelName: model, mhz: speed, cores: 1 })),
    Host: {
      hostname: hostname(),
      uptime: Math.floor(uptime()),
      os: platform(),
      platform: platform(),
      kernelVersion: release(),
      kernelArch: arch(),
      load: loadavg(),
    },
    Disk: { path: disk, total: diskTotal, free: diskFree, used: diskTotal - diskFree },
    CollectionTime: Date.now() * 1_000_000,
    Errors: null,
  };
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
