/** Some hundred inputs for each target, always the same; `npm run fuzz` tries millions of new ones. */
import { describe, expect, test } from "bun:test";
import { seededRng } from "../../src/lib/rng.ts";
import { makeInput } from "./mutate.ts";
import { fuzzTargets } from "./registry.ts";
import { fuzz } from "./run.ts";
import { valueSpans } from "./value-spans.ts";

const inputsMax = 300;
/** Each is a whole course of events. */
const coursesMax = 60;

test("every target has a name of its own, and there are at least forty", () => {
  expect(new Set(fuzzTargets.map(({ name }) => name)).size).toBe(fuzzTargets.length);
  expect(fuzzTargets.length).toBeGreaterThanOrEqual(40);
});

describe("whatever comes in", () => {
  test.each(fuzzTargets.map((plan) => [plan.name, plan] as const))(
    "%s answers or refuses",
    async (_name, plan) => {
      const limits = { seed: 1, seconds: 20, inputsMax: plan.form === "course" ? coursesMax : inputsMax };
      const { crashes, inputCount } = await fuzz(plan, limits);
      expect(crashes.map(({ what }) => what)).toEqual([]);
      expect(inputCount).toBeGreaterThan(0);
    },
    60_000,
  );
});

test("a target that breaks is noticed, and its input saved", async () => {
  const plan = {
    name: "breaks-on-purpose",
    form: "bytes",
    open: () => ({
      seeds: [Uint8Array.of(1, 2, 3)],
      run: (input: Uint8Array) => {
        if (input.length > 3) throw new TypeError("too long");
      },
    }),
  } as const;
  const { crashes } = await fuzz(plan, { seed: 1, seconds: 10, inputsMax: 1_000 });
  expect(crashes.length).toBeGreaterThan(0);
  expect(crashes[0]?.what).toContain("too long");
});

test("inputs are the same for the same seed, and of every length up to the limit", () => {
  const make = (): string[] => {
    const rng = seededRng(3);
    const o = {
      form: "msgpack",
      seeds: [Uint8Array.of(0x82, 0xa1, 0x41, 1, 0xa1, 0x42, 0x93, 1, 2, 3)],
      words: [],
    } as const;
    return Array.from({ length: 200 }, () => Buffer.from(makeInput(rng, o)).toString("hex"));
  };
  expect(make()).toEqual(make());
  expect(new Set(make()).size).toBeGreaterThan(100);
});

test("values are found where they stand", () => {
  expect(valueSpans(Uint8Array.of(0x81, 0xa1, 0x41, 0x92, 1, 0xc0))).toEqual([
    { from: 1, to: 3 },
    { from: 4, to: 5 },
    { from: 5, to: 6 },
    { from: 3, to: 6 },
    { from: 0, to: 6 },
  ]);
  expect(valueSpans(new Uint8Array(0))).toEqual([]);
});
