import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { createLockDelays } from "./lock-delays.ts";
import { createSessionTimers } from "./session-timers.ts";
import { createTombstoneGc } from "./tombstone-gc.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("lock delays", () => {
  test("run out, and a later one counts on its own", () => {
    const clock = new ManualClock();
    const delays = createLockDelays(clock);
    expect(delays.remainingMs("k")).toBe(0);
    delays.start("k", 15e9);
    clock.advance(10_000);
    expect(delays.remainingMs("k")).toBe(5_000);
    delays.start("k", 15e9);
    clock.advance(5_000);
    expect(delays.remainingMs("k")).toBe(10_000);
    clock.advance(10_000);
    expect(delays.remainingMs("k")).toBe(0);
  });
});

describe("session leases", () => {
  function leases(fail = 0): {
    readonly clock: ManualClock;
    readonly expired: string[];
    readonly timers: ReturnType<typeof createSessionTimers>;
  } {
    const clock = new ManualClock();
    const expired: string[] = [];
    let failures = fail;
    const expire = async (id: string): Promise<void> => {
      expired.push(id);
      if (failures > 0) {
        failures -= 1;
        throw new Error("no leader");
      }
    };
    return { clock, expired, timers: createSessionTimers({ clock, log: silentLog, expire }) };
  }

  test("last twice the TTL from the last renewal", async () => {
    const { clock, expired, timers } = leases();
    timers.renew("a", 10_000);
    clock.advance(19_999);
    timers.renew("A", 10_000);
    clock.advance(19_999);
    expect(expired).toEqual([]);
    clock.advance(1);
    await turn();
    expect(expired).toEqual(["a"]);
    expect(timers.count()).toBe(0);
  });

  test("start with leadership, for sessions with a TTL, and stop with it", () => {
    const { clock, expired, timers } = leases();
    timers.startAll([
      { ID: "a", TTL: "15s" },
      { ID: "b", TTL: "" },
      { ID: "c", TTL: "0s" },
      { ID: "d", TTL: "20s" },
    ]);
    expect(timers.count()).toBe(2);
    timers.forget("a");
    clock.advance(30_000);
    timers.stopAll();
    clock.advance(60_000);
    expect(expired).toEqual([]);
    expect(timers.count()).toBe(0);
  });

  test("are ended again after a failure, until it is too often", async () => {
    const { clock, expired, timers } = leases(7);
    timers.renew("a", 10_000);
    clock.advance(20_000);
    await turn();
    for (const waitMs of [10_000, 20_000, 40_000, 80_000, 160_000, 320_000]) {
      clock.advance(waitMs);
      await turn();
    }
    expect(expired).toHaveLength(6);
    expect(timers.count()).toBe(0);
  });

  test("are not ended again once the session is renewed", async () => {
    const { clock, expired, timers } = leases(1);
    timers.renew("a", 10_000);
    clock.advance(20_000);
    timers.renew("a", 10_000);
    await turn();
    clock.advance(10_000);
    await turn();
    expect(expired).toEqual(["a"]);
    expect(timers.count()).toBe(1);
  });
});

test("tombstones are reaped a quarter of an hour later, in batches", () => {
  const clock = new ManualClock();
  const reaped: number[] = [];
  const gc = createTombstoneGc({ clock, reap: (index) => reaped.push(index) });
  gc.hint(5);
  clock.advance(10_000);
  gc.hint(7);
  gc.hint(6);
  clock.advance(15 * 60_000);
  expect(reaped).toEqual([]);
  clock.advance(30_000);
  expect(reaped).toEqual([7]);
  gc.hint(9);
  gc.stop();
  clock.advance(60 * 60_000);
  expect(reaped).toEqual([7]);
});
