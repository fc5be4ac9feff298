import { expect, test } from "bun:test";
import { monotonicMs, wallMs, type Clock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { MemoryNet } from "../lib/memory-net.ts";
import { Recursors } from "./recursor.ts";
import { testSettings } from "./testing.ts";

test("no more than 512 questions to other servers are under way at once", async () => {
  const timers: (() => void)[] = [];
  const clock: Clock = {
    monotonicMs: () => monotonicMs(0),
    wallMs: () => wallMs(0),
    after: (_, fn) => {
      timers.push(fn);
      return { [Symbol.dispose]: () => undefined };
    },
  };
  // Nobody answers there.
  const net = new MemoryNet().host("192.0.2.1");
  const recursors = new Recursors({ net, clock, log: silentLog, random: () => 7 });
  const settings = { ...testSettings, recursors: ["192.0.2.53"] };
  const query = new Uint8Array(12);
  const ask = (): Promise<string> =>
    recursors.forward(query, settings, "udp").then(
      () => "answered",
      (error: unknown) => String(error),
    );
  const waiting = Array.from({ length: 512 }, ask);
  expect(await ask()).toContain("all resolvers failed");
  expect(timers.length).toBe(512);
  for (const timer of timers.splice(0)) timer();
  expect(new Set(await Promise.all(waiting)).size).toBe(1);
  const next = ask();
  await new Promise((resolve) => setImmediate(resolve));
  expect(timers.length).toBe(1);
  timers[0]?.();
  await next;
});
