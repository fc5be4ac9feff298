import { expect, test } from "bun:test";
import { TokenBucket } from "./token-bucket.ts";

test("so many at once, then as they come", () => {
  const bucket = new TokenBucket({ rate: 2, burst: 3 });
  const at = (nowMs: number): boolean => bucket.take(nowMs);
  expect([0, 0, 0, 0, 499, 500, 500, 1_000].map(at)).toEqual([
    true,
    true,
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
  expect([100_000, 100_000, 100_000, 100_000].map(at)).toEqual([true, true, true, false]);
});

test("no rate, no limit; a rate of 0 lets the burst through and nothing more", () => {
  const free = new TokenBucket({ rate: undefined, burst: 0 });
  expect(free.take(0)).toBe(true);
  const closed = new TokenBucket({ rate: 0, burst: 1 });
  expect([closed.take(0), closed.take(1e9)]).toEqual([true, false]);
  closed.configure({ rate: 1_000, burst: 1 });
  expect(closed.take(1e9 + 1)).toBe(true);
});
