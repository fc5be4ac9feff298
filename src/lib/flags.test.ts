import { describe, expect, test } from "bun:test";
import { FlagError, parseFlags, type FlagDefinition } from "./flags.ts";

const table: readonly FlagDefinition[] = [
  { name: "dev", kind: "bool", help: "" },
  { name: "http-port", kind: "int", help: "" },
  { name: "wait", kind: "duration", help: "" },
  { name: "node", kind: "string", help: "" },
  { name: "join", kind: "strings", help: "" },
  { name: "node-meta", kind: "map", help: "" },
];

describe("accepted", () => {
  test("dashes, inline and separate values, repeats and the rest", () => {
    const flags = parseFlags(table, [
      "-dev",
      "--http-port=85",
      "-wait",
      "1m30s",
      "-join",
      "a",
      "--join=b",
      "-node=",
      "-node-meta",
      "a:b:c",
      "-node-meta=x",
      "--",
      "-dev",
    ]);
    expect(flags.bool("dev")).toBe(true);
    expect(flags.number("http-port")).toBe(85);
    expect(flags.durationMs("wait")).toBe(90_000);
    expect(flags.string("node")).toBe("");
    expect(flags.strings("join")).toEqual(["a", "b"]);
    expect(flags.map("node-meta")).toEqual({ a: "b:c", x: "" });
    expect(flags.rest).toEqual(["-dev"]);
  });

  test("the first plain word, and a lone dash, end the flags", () => {
    expect(parseFlags(table, ["-dev=0", "-", "-node", "x"]).rest).toEqual(["-", "-node", "x"]);
    expect(parseFlags(table, ["-dev=0"]).bool("dev")).toBe(false);
    expect(parseFlags(table, ["word", "-dev"]).given()).toEqual([]);
  });

  test.each(["-h", "--help"])("%s asks for help", (word) => {
    expect(parseFlags(table, ["-dev", word, "-nonsense"]).helpWanted).toBe(true);
  });
});

// Texts measured against the reference program (Go's flag package).
test.each([
  [["-foo"], "flag provided but not defined: -foo"],
  [["-retry", "3"], "flag provided but not defined: -retry"],
  [
    ["-http-port", "abc"],
    'invalid value "abc" for flag -http-port: strconv.Atoi: parsing "abc": invalid syntax',
  ],
  [
    ["-http-port=99999999999999999999"],
    'invalid value "99999999999999999999" for flag -http-port: strconv.Atoi: parsing "99999999999999999999": value out of range',
  ],
  [["-dev=x"], 'invalid boolean value "x" for -dev: strconv.ParseBool: parsing "x": invalid syntax'],
  [["-wait=5x"], 'invalid value "5x" for flag -wait: time: unknown unit "x" in duration "5x"'],
  [["-node"], "flag needs an argument: -node"],
  [["---x"], "bad flag syntax: ---x"],
  [["-=x"], "bad flag syntax: -=x"],
])("%j is refused", (argv, message) => {
  expect(() => parseFlags(table, argv)).toThrow(new FlagError(message));
});
