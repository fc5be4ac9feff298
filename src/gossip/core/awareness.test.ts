import { expect, test } from "bun:test";
import { Awareness } from "./awareness.ts";

test("the score moves by deltas and stays within its bounds", () => {
  const awareness = new Awareness(8);
  const walk = [0, -1, 1, 2, -5, 10, 20, -1, -1].map((delta) => {
    awareness.apply(delta);
    return awareness.score;
  });
  expect(walk).toEqual([0, 0, 1, 3, 0, 7, 7, 6, 5]);
});

test("an interval is stretched by score + 1, so eight times at most", () => {
  const awareness = new Awareness(8);
  expect(awareness.scaledMs(1_000)).toBe(1_000);
  awareness.apply(3);
  expect(awareness.scaledMs(1_000)).toBe(4_000);
  awareness.apply(100);
  expect(awareness.scaledMs(1_000)).toBe(8_000);
});

test("a change that the bounds swallow is no change", () => {
  const awareness = new Awareness(1);
  expect([awareness.apply(1), awareness.apply(-1), awareness.score]).toEqual([false, false, 0]);
});
