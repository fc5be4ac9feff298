import { FlagError } from "../lib/flags.ts";
import { describe, expect, test } from "bun:test";
import {
  boolFlag,
  intFlag,
  listFlag,
  mapFlag,
  optionalBoolFlag,
  optionalDurationFlag,
  optionalUintFlag,
  readFlags,
  stringFlag,
  uintFlag,
} from "./flag-set.ts";

const table = {
  all: boolFlag("All."),
  sep: stringFlag("Separator.", { initial: "/" }),
  index: uintFlag("Index."),
  depth: intFlag("Depth.", 2),
  tag: listFlag("Tag."),
  meta: mapFlag("Meta."),
  stale: optionalBoolFlag("Stale."),
  lag: optionalUintFlag("Lag."),
  wait: optionalDurationFlag("Wait."),
};

describe("reading flags", () => {
  test("without any, every flag has its default", () => {
    expect(readFlags(table, ["a", "-all"])).toEqual({
      values: {
        all: false,
        sep: "/",
        index: 0n,
        depth: 2,
        tag: [],
        meta: {},
        stale: undefined,
        lag: undefined,
        wait: undefined,
      },
      rest: ["a", "-all"],
    });
  });

  test("one dash or two, with a space or an equals sign", () => {
    const argv = ["--sep", "x", "-index=7", "-depth", "-3", "-all", "--", "-all"];
    const { values, rest } = readFlags(table, argv);
    expect(values).toMatchObject({ sep: "x", index: 7n, depth: -3, all: true });
    expect(rest).toEqual(["-all"]);
  });

  test("a boolean takes no separate value, but one after an equals sign", () => {
    const { values, rest } = readFlags(table, ["-all=false", "-stale", "true"]);
    expect(values).toMatchObject({ all: false, stale: true });
    expect(rest).toEqual(["true"]);
  });

  test("repeated flags add up where they may", () => {
    const { values } = readFlags(table, ["-tag=a", "-tag=b", "-meta=k=v=w", "-meta=k=z", "-sep=1", "-sep=2"]);
    expect(values).toMatchObject({ tag: ["a", "b"], meta: { k: "z" }, sep: "2" });
  });

  test("a single dash is an argument", () => {
    expect(readFlags(table, ["-", "-all"]).rest).toEqual(["-", "-all"]);
  });

  test.each([
    ["18446744073709551615", 18446744073709551615n],
    ["0x10", 16n],
    ["010", 8n],
    ["0b11", 3n],
  ])("-index %s", (text, expected) => {
    expect(readFlags(table, ["-index", text]).values.index).toBe(expected);
  });

  test("durations are nanoseconds", () => {
    expect(readFlags(table, ["-wait=1.5s"]).values.wait).toBe(1_500_000_000n);
  });
});

describe("Go's words for what is wrong", () => {
  test.each([
    [["-nosuch"], "flag provided but not defined: -nosuch"],
    [["-toString"], "flag provided but not defined: -toString"],
    [["-sep"], "flag needs an argument: -sep"],
    [["---sep"], "bad flag syntax: ---sep"],
    [["-=x"], "bad flag syntax: -=x"],
    [["-all=maybe"], 'invalid boolean value "maybe" for -all: parse error'],
    [["-stale=x"], 'invalid boolean value "x" for -stale: strconv.ParseBool: parsing "x": invalid syntax'],
    [["-index=x"], 'invalid value "x" for flag -index: parse error'],
    [["-index=-1"], 'invalid value "-1" for flag -index: parse error'],
    [
      ["-index=18446744073709551616"],
      'invalid value "18446744073709551616" for flag -index: value out of range',
    ],
    [["-depth=1.5"], 'invalid value "1.5" for flag -depth: parse error'],
    [["-lag=x"], 'invalid value "x" for flag -lag: strconv.ParseUint: parsing "x": invalid syntax'],
    [["-wait=x"], 'invalid value "x" for flag -wait: time: invalid duration "x"'],
    [["-meta=k"], 'invalid value "k" for flag -meta: Missing "=" value in argument: k'],
  ])("%p", (argv, message) => {
    expect(() => readFlags(table, argv)).toThrow(new FlagError(message));
  });
});
