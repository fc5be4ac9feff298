import { expect, test } from "bun:test";
import { monotonicMs, wallMs, type Clock } from "../lib/clock.ts";
import { WakeQueue } from "./wake-queue.ts";

test("a few are woken at once, the rest in order, a slice a turn", () => {
  let turns: (() => void)[] = [];
  const clock: Clock = {
    monotonicMs: () => monotonicMs(0),
    wallMs: () => wallMs(0),
    after: (_, fn) => {
      turns.push(fn);
      return { [Symbol.dispose]: () => undefined };
    },
  };
  const turn = (): void => {
    const due = turns;
    turns = [];
    for (const fn of due) fn();
  };
  const queue = new WakeQueue(clock);
  const woken: number[] = [];
  for (let i = 0; i < 2000; i += 1) queue.add(() => woken.push(i));
  expect(woken.length).toBe(512);
  turn();
  expect(woken.length).toBe(1024);
  // Who comes later waits behind those who wait.
  queue.add(() => woken.push(2000));
  turn();
  expect(woken.length).toBe(1536);
  turn();
  expect(woken).toEqual(Array.from({ length: 2001 }, (_, i) => i));
  turn();
  expect(turns).toEqual([]);
  queue.add(() => woken.push(2001));
  expect(woken.at(-1)).toBe(2001);
});
