import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../lib/log.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { checkRejoinAge, noteSeen } from "./rejoin-age.ts";

const hourMs = 3_600_000;

test("a server that was away for too long does not come back", () => {
  const folder = mkdtempSync(join(tmpdir(), "rejoin-"));
  const path = join(folder, "server_metadata.json");
  const clock = new ManualClock();
  const nowMs = clock.wallMs();
  const check = (afterMs: number): void =>
    checkRejoinAge(folder, { nowMs: nowMs + afterMs, maxMs: 6 * hourMs });
  check(100 * hourMs);
  {
    using _ = noteSeen(folder, { clock, log: silentLog });
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ last_seen_unix: Math.floor(nowMs / 1000) });
    check(6 * hourMs - 1000);
    expect(() => check(6 * hourMs + 1000)).toThrow(
      "refusing to rejoin cluster because server has been offline for more than the configured server_rejoin_age_max (6h0m0s) - consider wiping your data dir",
    );
    clock.advance(hourMs);
    check(6 * hourMs + 1000);
  }
  expect(clock.timerCount).toBe(0);
  writeFileSync(path, "no JSON");
  check(100 * hourMs);
  rmSync(folder, { recursive: true });
});
