import { expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "../lib/manual-clock.ts";
import { watchFiles } from "./file-watcher.ts";

/** Longer than the pause between two looks and the time that changes settle in. */
const longMs = 12_000;

test("tells of files that are written, added, replaced and removed, and of nothing else", () => {
  const folder = mkdtempSync(join(tmpdir(), "watch-"));
  const file = join(folder, "one.json");
  const other = join(folder, "sub.txt");
  writeFileSync(file, "{}");
  const clock = new ManualClock();
  let count = 0;
  const after = (change: () => void): number => {
    const before = count;
    change();
    clock.advance(longMs);
    clock.advance(longMs);
    return count - before;
  };
  {
    using _ = watchFiles([file], { clock, changed: () => (count += 1) });
    expect(after(() => undefined)).toBe(0);
    expect(after(() => writeFileSync(file, '{"a":1}'))).toBe(1);
    expect(after(() => writeFileSync(other, "x"))).toBe(0);
    expect(
      after(() => {
        writeFileSync(`${file}.new`, '{"b":1}');
        renameSync(`${file}.new`, file);
      }),
    ).toBe(1);
    expect(
      after(() => {
        rmSync(file);
        symlinkSync(other, file);
      }),
    ).toBe(1);
    expect(after(() => rmSync(file))).toBe(1);
    expect(after(() => writeFileSync(file, "{}"))).toBe(1);
  }
  expect(after(() => writeFileSync(file, "{ }"))).toBe(0);
  expect(clock.timerCount).toBe(0);
  {
    using _ = watchFiles([folder], { clock, changed: () => (count += 1) });
    expect(after(() => writeFileSync(join(folder, "two.json"), "{}"))).toBe(1);
    expect(after(() => rmSync(join(folder, "two.json")))).toBe(1);
  }
  rmSync(folder, { recursive: true });
});

test("a folder that is not there is looked for again", () => {
  const folder = join(tmpdir(), `watch-none-${process.pid}`);
  const clock = new ManualClock();
  let count = 0;
  using _ = watchFiles([join(folder, "a.json")], { clock, changed: () => (count += 1) });
  clock.advance(longMs);
  expect(count).toBe(0);
});
