/** Texts below `/proc` and `/etc` in the shapes of `/v1/agent/host`. Source: proc(5), os-release(5). */
import type { JsonObject } from "../wire/schema/codec.ts";

const kibibyte = 1024;

/** Members of the memory's description and the lines of `/proc/meminfo` that they come from. */
const memoryLines: Readonly<Record<string, string>> = {
  free: "MemFree",
  active: "Active",
  inactive: "Inactive",
  buffers: "Buffers",
  writeBack: "Writeback",
  dirty: "Dirty",
  writeBackTmp: "WritebackTmp",
  shared: "Shmem",
  slab: "Slab",
  sreclaimable: "SReclaimable",
  sunreclaim: "SUnreclaim",
  pageTables: "PageTables",
  swapCached: "SwapCached",
  commitLimit: "CommitLimit",
  committedAS: "Committed_AS",
  highTotal: "HighTotal",
  highFree: "HighFree",
  lowTotal: "LowTotal",
  lowFree: "LowFree",
  swapTotal: "SwapTotal",
  swapFree: "SwapFree",
  mapped: "Mapped",
  vmallocTotal: "VmallocTotal",
  vmallocUsed: "VmallocUsed",
  vmallocChunk: "VmallocChunk",
  hugePagesTotal: "HugePages_Total",
  hugePagesFree: "HugePages_Free",
  hugePagesRsvd: "HugePages_Rsvd",
  hugePagesSurp: "HugePages_Surp",
  hugePageSize: "Hugepagesize",
};

/** `/proc/meminfo` in bytes; what the kernel does not tell is 0. What can be given back at once counts as cache. */
export function memoryInfo(text: string): JsonObject {
  const lines = new Map<string, number>();
  for (const [, name = "", amount = "", unit] of text.matchAll(/^([^:\n]+):\s+(\d+)( kB)?$/gm))
    lines.set(name, Number(amount) * (unit === undefined ? 1 : kibibyte));
  const of = (name: string): number => lines.get(name) ?? 0;
  const total = of("MemTotal");
  const cached = of("Cached") + of("SReclaimable");
  const used = total - of("MemFree") - of("Buffers") - cached;
  return {
    total,
    available: of("MemAvailable"),
    used,
    usedPercent: total === 0 ? 0 : (100 * used) / total,
    wired: 0,
    laundry: 0,
    cached,
    ...Object.fromEntries(Object.entries(memoryLines).map(([name, line]) => [name, of(line)])),
  };
}

/** The processors of `/proc/cpuinfo`. */
export function processors(text: string): readonly JsonObject[] {
  const blocks = text.split(/\n\s*\n/).filter((block) => /^processor\s*:/m.test(block));
  return blocks.map((block) => {
    const of = (name: string): string =>
      new RegExp(`^${name}\\s*: (.*)$`, "m").exec(block)?.[1]?.trim() ?? "";
    return {
      cpu: Number(of("processor")),
      vendorId: of("vendor_id"),
      family: of("cpu family"),
      model: of("model"),
      stepping: Number(of("stepping")) || 0,
      physicalId: of("physical id"),
      coreId: of("core id"),
      cores: 1,
      modelName: of("model name"),
      mhz: Number(of("cpu MHz")) || 0,
      cacheSize: Number.parseInt(of("cache size"), 10) || 0,
      flags: of("flags")
        .split(" ")
        .filter((flag) => flag !== ""),
      microcode: of("microcode"),
    };
  });
}

/** A distribution by the names that `/v1/agent/host` has for it. */
export interface Distribution {
  readonly platform: string;
  readonly platformFamily: string;
  readonly platformVersion: string;
}

const families: Readonly<Record<string, string>> = {
  debian: "debian",
  ubuntu: "debian",
  fedora: "fedora",
  rhel: "rhel",
  centos: "rhel",
  alpine: "alpine",
  arch: "arch",
  suse: "suse",
};

/** `/etc/os-release`. Members of no family that is known are one of their own. */
export function distribution(text: string): Distribution {
  const of = (name: string): string =>
    (new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1] ?? "").replace(/^(["'])(.*)\1$/, "$2");
  const platform = of("ID");
  const relatives = [platform, ...of("ID_LIKE").split(" ")];
  const family = relatives.find((name) => name in families);
  return {
    platform,
    platformFamily: family === undefined ? platform : (families[family] ?? platform),
    platformVersion: of("VERSION_ID"),
  };
}
