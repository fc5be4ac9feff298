import { expect, test } from "bun:test";
import { renderFlagHelp, renderFlagUsage, wrapText } from "./flag-help.ts";
import { boolFlag, httpSection, intFlag, stringFlag } from "./flag-set.ts";

const table = {
  z: boolFlag("Short."),
  depth: intFlag("How deep.", 2),
  separator: stringFlag("Where to cut.", { initial: "/" }),
  token: httpSection(stringFlag("Who asks.", { valueName: "secret" })),
};

test("the help page lists HTTP options first, each part sorted", () => {
  expect(renderFlagHelp(table)).toBe(`HTTP API Options

  -token=<secret>
     Who asks.

Command Options

  -depth=<int>
     How deep.

  -separator=<string>
     Where to cut.

  -z
     Short.`);
});

test("the usage after a bad flag is Go's list", () => {
  expect(renderFlagUsage(table)).toBe(
    'Usage:\n  -depth int\n    \tHow deep. (default 2)\n  -separator string\n    \tWhere to cut. (default "/")\n' +
      "  -token secret\n    \tWho asks.\n  -z\tShort.\n",
  );
});

test("text breaks at blanks; a word that is too long keeps a line", () => {
  expect(wrapText("aa bb cc dddddddd e", 5)).toEqual(["aa bb", "cc", "dddddddd", "e"]);
});
