/** Which pages of the program are let go, and that the program still runs without them. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { releaseProgramPages, unchangedRanges } from "./program-pages.ts";

const smaps = `00200000-01a39000 r--p 00000000 fe:00 123                        /usr/bin/bun
Size:              24804 kB
Rss:                7444 kB
Anonymous:             0 kB
01a40000-0684a000 r-xp 0183f000 fe:00 123                        /usr/bin/bun
Rss:               32488 kB
Anonymous:             0 kB
0684a000-06900000 r--p 06648000 fe:00 123                        /usr/bin/bun
Rss:                 700 kB
Anonymous:           696 kB
06900000-06980000 rw-p 066fe000 fe:00 123                        /usr/bin/bun
Rss:                 100 kB
Anonymous:             0 kB
06a00000-06a01000 r--s 00000000 fe:00 123                        /usr/bin/bun
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 00:00 0
Anonymous:             0 kB
7f1000000000-7f1000001000 r-xp 00000000 fe:00 9                          /usr/bin/bun of another
Anonymous:             0 kB
`;

test("only pages of the program that nobody can write and nobody has changed", () => {
  expect(unchangedRanges(smaps, "/usr/bin/bun")).toEqual([
    { start: 0x00200000n, end: 0x01a39000n },
    { start: 0x01a40000n, end: 0x0684a000n },
  ]);
});

test.skipIf(process.platform !== "linux")("the program goes on, with fewer pages of itself", async () => {
  const before = ownPagesKib();
  await releaseProgramPages();
  const after = ownPagesKib();
  expect(after).toBeLessThan(before);
  expect(JSON.parse('{"still":"here"}')).toEqual({ still: "here" });
  await releaseProgramPages();
});

function ownPagesKib(): number {
  return (
    Number(/^Shared_Clean:\s+(\d+)/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))?.[1]) +
    Number(/^Private_Clean:\s+(\d+)/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))?.[1])
  );
}
