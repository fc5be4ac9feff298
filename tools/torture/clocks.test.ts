import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../src/lib/assert.ts";
import { Clocks, clockLibrary } from "./clocks.ts";

const library = clockLibrary();
if (library === undefined) console.log("skipped: clocks that jump need Debian's package libfaketime");

test.skipIf(library === undefined)("a process sees its own time of day, also when it is moved", () => {
  const folder = mkdtempSync(join(tmpdir(), "clocks-"));
  try {
    const clocks = new Clocks(folder, must(library, "it is installed"));
    const seen = (number: number): number => {
      const env = { ...process.env, ...clocks.environment(number) };
      const { stdout } = spawnSync(process.execPath, ["-e", "console.log(Date.now())"], { env });
      return (Number(stdout.toString()) - Date.now()) / 1_000;
    };
    expect(Math.abs(seen(1))).toBeLessThan(60);
    clocks.move(1, -86_400);
    expect(seen(1) + 86_400).toBeLessThan(60);
    expect(Math.abs(seen(2))).toBeLessThan(60);
    clocks.move(1, 7_200);
    expect(Math.abs(seen(1) - 7_200)).toBeLessThan(60);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
