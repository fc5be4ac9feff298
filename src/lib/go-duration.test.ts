import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseGoDuration, parseGoDurationMs, renderGoDuration, renderGoDurationMs } from "./go-duration.ts";

describe("reading", () => {
  test.each([
    ["0", 0],
    ["-0", 0],
    ["1h30m", 5_400_000],
    ["1.5s", 1_500],
    ["-2m3.4s", -123_400],
    [".5h", 1_800_000],
    ["1.s", 1_000],
    ["250us", 0.25],
    ["250µs", 0.25],
    ["87600h", 315_360_000_000],
  ])("%s", (text, ms) => {
    expect(parseGoDurationMs(text)).toBe(ms);
  });

  test.each([
    ["", 'time: invalid duration ""'],
    ["x", 'time: invalid duration "x"'],
    [".s", 'time: invalid duration ".s"'],
    ["10", 'time: missing unit in duration "10"'],
    ["1.2.3s", 'time: missing unit in duration "1.2.3s"'],
    ["5x", 'time: unknown unit "x" in duration "5x"'],
    ["9999999h", 'time: invalid duration "9999999h"'],
  ])("%p is refused", (text, message) => {
    expect(() => parseGoDuration(text)).toThrow(message);
  });
});

describe("writing", () => {
  test.each([
    [0, "0s"],
    [0.0015, "1.5µs"],
    [200, "200ms"],
    [1_500, "1.5s"],
    [60_000, "1m0s"],
    [5_400_000, "1h30m0s"],
    [-500, "-500ms"],
  ])("%d ms", (ms, text) => {
    expect(renderGoDurationMs(ms)).toBe(text);
  });

  test("what is written reads back", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (ns) => {
        expect(parseGoDuration(renderGoDuration(ns))).toBe(ns);
      }),
    );
  });
});
