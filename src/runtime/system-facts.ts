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
