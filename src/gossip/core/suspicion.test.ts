import { expect, test } from "bun:test";
import fc from "fast-check";
import { monotonicMs } from "../../lib/clock.ts";
import { Suspicion, suspicionMs } from "./suspicion.ts";

const terms = { wanted: 3, minMs: 2_000, maxMs: 30_000 };

test.each([
  { confirmations: 0, expectedMs: 30_000 },
  { confirmations: 1, expectedMs: 16_000 },
  { confirmations: 2, expectedMs: 7_810 },
  { confirmations: 3, expectedMs: 2_000 },
])("after $confirmations of 3 confirmations the verdict falls after $expectedMs ms", (row) => {
  expect(suspicionMs(terms, row.confirmations)).toBe(row.expectedMs);
});

test("where no confirmation is expected the shortest time counts from the start", () => {
  expect(suspicionMs({ ...terms, wanted: 0 }, 0)).toBe(2_000);
});

test("each accuser counts once, the first not at all, and those beyond the wanted number neither", () => {
  const suspicion = new Suspicion("a", terms, monotonicMs(500));
  expect(["a", "b", "b", "c", "a", "d", "e"].map((from) => suspicion.confirm(from))).toEqual([
    false,
    true,
    false,
    true,
    false,
    true,
    false,
  ]);
  expect([suspicion.confirmations, suspicion.deadlineMs]).toEqual([3, monotonicMs(2_500)]);
});

test("more confirmations never lengthen a suspicion, and it stays between its bounds", () => {
  const ranges = fc.record({
    wanted: fc.integer({ min: 0, max: 10 }),
    minMs: fc.integer({ min: 1, max: 100_000 }),
    factor: fc.integer({ min: 1, max: 10 }),
    from: fc.array(fc.string({ maxLength: 2 }), { maxLength: 20 }),
  });
  fc.assert(
    fc.property(ranges, ({ wanted, minMs, factor, from }) => {
      const suspicion = new Suspicion("first", { wanted, minMs, maxMs: factor * minMs }, monotonicMs(0));
      let before = suspicion.deadlineMs;
      for (const accuser of from) {
        const isNews = suspicion.confirm(accuser);
        expect(suspicion.deadlineMs).toBeLessThanOrEqual(before);
        if (!isNews) expect(suspicion.deadlineMs).toBe(before);
        before = suspicion.deadlineMs;
      }
      expect(before).toBeGreaterThanOrEqual(minMs);
      if (wanted > 0 && suspicion.confirmations === wanted) expect(before).toBe(monotonicMs(minMs));
    }),
  );
});
