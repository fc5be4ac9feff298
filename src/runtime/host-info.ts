/** The machine in the shape of `/v1/agent/host`; on systems other than Linux, what they tell of it. */
import { readdirSync, readFileSync, statfsSync } from "node:fs";
import { cpus, freemem, hostname, machine, platform, release, totalmem, uptime } from "node:os";
import type { JsonObject } from "../wire/schema/codec.ts";
import { distribution, memoryInfo, processors } from "./proc-files.ts";

/** The disk that is told of, as in the reference. */
const diskPath = "/";
const nsPerMs = 1_000_000;

/** File systems by their magic numbers, in the words of the reference's library. Source: statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: "ext2/ext3",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlayfs",
  0x2fc12fc1: "zfs",
  0x6969: "nfs",
};

/** CPU, memory, disk and system. */
export function hostInfo(): JsonObject {
  return {
    Memory: memory(),
    CPU: [...cpuList()],
    Host: system(),
    Disk: disk(),
    CollectionTime: Date.now() * nsPerMs,
    Errors: null,
  };
}

/** "" if there is no such file here. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function memory(): JsonObject {
  const text = textOf("/proc/meminfo");
  if (text !== "") return memoryInfo(text);
  const [total, free] = [totalmem(), freemem()];
  return { total, available: free, used: total - free, usedPercent: (100 * (total - free)) / total, free };
}

function cpuList(): readonly JsonObject[] {
  const found = processors(textOf("/proc/cpuinfo"));
  if (found.length > 0) return found;
  return cpus().map(({ model, speed }, cpu) => ({ cpu, modelName: model, mhz: speed, cores: 1 }));
}

function system(): JsonObject {
  const os = platform();
  const seconds = Math.floor(uptime());
  const known = distribution(textOf("/etc/os-release"));
  const exact = textOf("/etc/debian_version").trim();
  const platformVersion = known.platform === "debian" && exact !== "" ? exact : known.platformVersion;
  const booted = /^btime (\d+)$/m.exec(textOf("/proc/stat"))?.[1];
  const isGuest = /^flags\s*:.*\bhypervisor\b/m.test(textOf("/proc/cpuinfo"));
  return {
    hostname: hostname(),
    uptime: seconds,
    bootTime: booted === undefined ? Math.floor(Date.now() / 1000) - seconds : Number(booted),
    procs: processCount(),
    os,
    platform: known.platform === "" ? os : known.platform,
    platformFamily: known.platformFamily,
    platformVersion,
    kernelVersion: release(),
    kernelArch: machine(),
    virtualizationSystem: "",
    virtualizationRole: isGuest ? "guest" : "",
    hostId: machineId(),
  };
}

function processCount(): number {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length;
  } catch {
    return 0;
  }
}

/** What tells this machine from others, as a UUID: its hardware's, its system's, or that of this boot. */
function machineId(): string {
  const product = textOf("/sys/class/dmi/id/product_uuid").trim().toLowerCase();
  if (product !== "") return product;
  const id = textOf("/etc/machine-id").trim();
  if (!/^[0-9a-f]{32}$/.test(id)) return textOf("/proc/sys/kernel/random/boot_id").trim();
  return id.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function disk(): JsonObject {
  const { type, bsize, blocks, bfree, bavail, files, ffree } = statfsSync(diskPath);
  const [free, used] = [bavail * bsize, (blocks - bfree) * bsize];
  const inodesUsed = files - ffree;
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : (100 * part) / whole);
  return {
    path: diskPath,
    fstype: fileSystems[type] ?? "",
    total: blocks * bsize,
    free,
    used,
    usedPercent: share(used, used + free),
    inodesTotal: files,
    inodesUsed,
    inodesFree: ffree,
    inodesUsedPercent: share(inodesUsed, files),
  };
}
