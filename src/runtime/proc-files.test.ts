import { expect, test } from "bun:test";
import { hostInfo } from "./host-info.ts";
import { distribution, memoryInfo, processors } from "./proc-files.ts";

test("memory in bytes, counts as they are; what can be given back at once is cache", () => {
  const info = memoryInfo(`MemTotal:       1000 kB
MemFree:         100 kB
MemAvailable:    500 kB
Buffers:          50 kB
Cached:          200 kB
SReclaimable:     30 kB
HugePages_Total:       4
Hugepagesize:       2048 kB
`);
  expect(info).toMatchObject({
    total: 1_024_000,
    available: 512_000,
    free: 102_400,
    cached: 235_520,
    used: 634_880,
    usedPercent: 62,
    hugePagesTotal: 4,
    hugePageSize: 2_097_152,
    swapTotal: 0,
  });
});

test("processors, one block each", () => {
  const block = (cpu: number): string =>
    `processor\t: ${cpu}\nvendor_id\t: V\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: Fast one\nstepping\t: 1\n` +
    `cpu MHz\t\t: 2596.124\ncache size\t: 1024 KB\nphysical id\t: 0\ncore id\t\t: ${cpu}\nflags\t\t: fpu vme\n`;
  const found = processors(`${block(0)}\n${block(1)}\n`);
  expect(found).toHaveLength(2);
  expect(found[1]).toEqual({
    cpu: 1,
    vendorId: "V",
    family: "26",
    model: "2",
    stepping: 1,
    physicalId: "0",
    coreId: "1",
    cores: 1,
    modelName: "Fast one",
    mhz: 2596.124,
    cacheSize: 1024,
    flags: ["fpu", "vme"],
    microcode: "",
  });
  expect(processors("")).toEqual([]);
});

test.each([
  { text: 'ID=debian\nVERSION_ID="12"\n', platform: "debian", family: "debian", version: "12" },
  {
    text: "ID=mint\nID_LIKE='ubuntu debian'\nVERSION_ID=21",
    platform: "mint",
    family: "debian",
    version: "21",
  },
  { text: 'ID="rocky"\nID_LIKE="rhel centos fedora"', platform: "rocky", family: "rhel", version: "" },
  { text: "ID=own", platform: "own", family: "own", version: "" },
  { text: "", platform: "", family: "", version: "" },
])("the distribution of $text", ({ text, platform, family, version }) => {
  expect(distribution(text)).toEqual({ platform, platformFamily: family, platformVersion: version });
});

test("this machine has memory, processors, a name and a disk", () => {
  expect(hostInfo()).toMatchObject({
    Memory: { total: expect.any(Number) as number },
    Host: { hostname: expect.any(String) as string, bootTime: expect.any(Number) as number },
    Disk: { path: "/", total: expect.any(Number) as number },
    Errors: null,
  });
});
