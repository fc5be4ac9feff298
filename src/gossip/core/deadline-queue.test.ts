import { expect, test } from "bun:test";
import fc from "fast-check";
import { monotonicMs, type MonotonicMs } from "../../lib/clock.ts";
import { DeadlineQueue } from "./deadline-queue.ts";

test("what comes out is what a sorted list gives, stale deadlines left out", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ at: fc.nat(50), stale: fc.boolean() }), { maxLength: 60 }), (plans) => {
      const queue = new DeadlineQueue<{ readonly at: number; readonly stale: boolean }>(
        (plan, atMs) => !plan.stale && atMs === monotonicMs(plan.at),
      );
      for (const plan of plans) queue.add(monotonicMs(plan.at), plan);
      const expected = plans.filter(({ stale }) => !stale).map(({ at }) => at);
      const taken: number[] = [];
      for (let nowMs = 0; nowMs <= 50; nowMs += 1) {
        for (;;) {
          const plan = queue.takeDue(monotonicMs(nowMs));
          if (plan === undefined) break;
          expect(plan.at).toBe(nowMs);
          taken.push(plan.at);
        }
        const left = expected.filter((at) => at > nowMs);
        expect(queue.nextMs()).toBe(
          (left.length === 0 ? undefined : Math.min(...left)) as MonotonicMs | undefined,
        );
      }
      expect(taken).toEqual(expected.toSorted((a, b) => a - b));
    }),
  );
});
