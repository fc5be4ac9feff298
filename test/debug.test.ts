/** `debug` on a real agent: everything is in the archive, and Go's tools can read the profiles. */
import { expect, test } from "bun:test";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startAgent } from "./support/agent-process.ts";

const launcher = join(import.meta.dirname, "../bin/proconsul");
const run = promisify(execFile);
const slowMs = 60_000;

test(
  "the archive holds facts, metrics, logs and profiles",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "debug-"));
    try {
      await using agent = await startAgent();
      const found = join(folder, "found");
      const flags = [`-http-addr=${agent.httpUrl}`, "-duration=10s", "-interval=5s", `-output=${found}`];
      const { stderr } = await run(launcher, ["debug", "-archive=false", ...flags]);
      expect(stderr).toBe("");
      const names = readdirSync(found, { recursive: true }).map((name) =>
        String(name).replace(/^\d[^/]*Z/u, "TIME"),
      );
      expect([...new Set(names)].toSorted()).toEqual([
        "TIME",
        "TIME/goroutine.prof",
        "TIME/heap.prof",
        "agent.json",
        "consul.log",
        "host.json",
        "index.json",
        "members.json",
        "metrics.json",
        "profile.prof",
      ]);
      if (Bun.which("go") === null) {
        console.log("skipped: go not found, profiles are not read");
        return;
      }
      const top = (file: string): string =>
        execFileSync("go", ["tool", "pprof", "-top", join(found, file)], { encoding: "utf8", stdio: "pipe" });
      expect(top("profile.prof")).toContain("Type: cpu");
      const moment = readdirSync(found).find((name) => /^\d/u.test(name)) ?? "";
      expect(top(`${moment}/heap.prof`)).toContain("(bytes of all objects)");
      expect(top(`${moment}/goroutine.prof`)).toContain("(main thread)");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  slowMs,
);
