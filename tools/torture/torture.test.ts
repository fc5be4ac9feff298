/** The fault runner on one server that is killed and stopped: `npm run torture` is the long run. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const seconds = Number(process.env["TORTURE_SECONDS"] ?? 20);
const program = join(import.meta.dirname, "main.ts");

test(
  "one server under kill -9 and pauses stays linearizable",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "torture-"));
    try {
      const words = ["--servers", "1", "--faults", "kill,pause", "--folder", folder];
      const run = (...argv: readonly string[]): { readonly status: number | null; readonly stdout: string } =>
        spawnSync(process.execPath, [program, ...argv], { encoding: "utf8" });
      const { status, stdout } = run("--seconds", String(seconds), ...words);
      expect({ status, stdout }).toEqual({
        status: 0,
        stdout: expect.stringContaining("kill of 1") as string,
      });
      const again = run("--judge", join(folder, "history.jsonl"));
      expect([again.status, again.stdout.includes("0 violations, 0 undecided")]).toEqual([0, true]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  (seconds + 120) * 1_000,
);
