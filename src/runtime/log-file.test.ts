import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogFileError, openLogFile } from "./log-file.ts";

const folder = mkdtempSync(join(tmpdir(), "log-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

const dayMs = 86_400_000;
const plain = { rotateBytes: undefined, rotateDurationMs: dayMs, keptMax: undefined };

describe("a log file", () => {
  test("grows by lines, and is for its owner and group", () => {
    const append = openLogFile({ ...plain, path: join(folder, "one/") });
    append("a");
    append("b");
    const file = join(folder, "one/consul.log");
    expect(readFileSync(file, "utf8")).toBe("a\nb\n");
    expect(statSync(file).mode & 0o777).toBe(0o640 & ~process.umask());
  });

  test("is put aside when it is full, also many times in a moment, and only so many are kept", () => {
    const where = join(folder, "two");
    const all = openLogFile({ ...plain, path: join(where, "a.log"), rotateBytes: 4 });
    for (let at = 0; at < 20; at += 1) all(`${100 + at}`);
    const names = readdirSync(where).filter((name) => name !== "a.log");
    expect(names.length).toBe(19);
    expect(names.every((name) => /^a-\d{19}\.log$/u.test(name))).toBe(true);
    expect(names.toSorted().map((name) => readFileSync(join(where, name), "utf8"))[0]).toBe("100\n");
    const few = openLogFile({ ...plain, path: join(where, "b"), rotateBytes: 4, keptMax: 2 });
    for (let at = 0; at < 9; at += 1) few(`${100 + at}`);
    expect(readdirSync(where).filter((name) => name.startsWith("b-")).length).toBe(2);
    expect(readFileSync(join(where, "b.log"), "utf8")).toBe("108\n");
  });

  test("that cannot be opened is an error in Go's words", () => {
    expect(() => openLogFile({ ...plain, path: "/proc/none/a.log" })).toThrow(LogFileError);
    expect(() => openLogFile({ ...plain, path: "/proc/none/a.log" })).toThrow(
      "Failed to setup logging: open /proc/none/a.log: no such file or directory",
    );
  });
});
