import { expect, test } from "bun:test";
import fc from "fast-check";
import { majority, reachedByMajority } from "./quorum.ts";

test.each([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
])("of %p voters, %p are a majority", (voters, expected) => {
  expect(majority(voters)).toBe(expected);
});

test("nobody has reached nothing", () => {
  expect(reachedByMajority([])).toBe(-Infinity);
});

test("what a majority has reached is what counting says", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (values) => {
      const counted = values.filter((v) => values.filter((other) => other >= v).length * 2 > values.length);
      expect(reachedByMajority(values)).toBe(Math.max(...counted));
    }),
  );
});

test("two majorities of the same voters always share one", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), (voters) => majority(voters) * 2 > voters));
});

test("majorities of configurations that differ by one server share one", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      (voters) => majority(voters) + majority(voters + 1) > voters + 1,
    ),
  );
});
