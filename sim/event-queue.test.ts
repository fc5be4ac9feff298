import { expect, test } from "bun:test";
import fc from "fast-check";
import { EventQueue } from "./event-queue.ts";

test("events come in order of time, and of addition within a moment", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const queue = new EventQueue<number>();
      for (const [at, time] of times.entries()) queue.add(time, at);
      const taken: number[] = [];
      for (let next = queue.take(Infinity); next !== undefined; next = queue.take(Infinity))
        taken.push(next.event);
      const expected = [...times.keys()].toSorted((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
      expect(taken).toEqual(expected);
    }),
  );
});

test("what lies beyond the limit stays", () => {
  const queue = new EventQueue<string>();
  queue.add(5, "late");
  expect(queue.take(4)).toBeUndefined();
  expect(queue.take(5)).toEqual({ atMs: 5, order: 1, event: "late" } as never);
});
