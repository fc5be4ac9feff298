import { expect, test } from "bun:test";
import { translateRegexp } from "./regexp.ts";

const judged: readonly (readonly [source: string, text: string, holds: boolean])[] = [
  ["f[12]$", "cat-f1", true],
  ["(?i)WEB", "my-web", true],
  [".", "\n", false],
  [".", "\r", true],
  ["(?s).", "\n", true],
  ["\\Aweb\\z", "web", true],
  ["\\Aweb\\z", "web2", false],
  ["(?P<n>a)b", "ab", true],
  ["^[[:alpha:]_]+$", "ab_c", true],
  ["^[^[:digit:]]$", "5", false],
  ["^[]a]+$", "]a", true],
  ["a{,2}", "a{,2}", true],
  ["^a{2}$", "aa", true],
  ["a\\-b", "a-b", true],
  ["\\Qa.b\\E$", "a.b", true],
  ["\\Qa.b\\E$", "axb", false],
  ["\\x41\\x{42}", "AB", true],
  ["^\\s$", "\u00a0", false],
  ["^\\pL+$", "é", true],
  ["^\\p{Greek}$", "α", true],
  ["}]", "}]", true],
];

test.each(judged)("%p on %p", (source, text, holds) => {
  const translated = translateRegexp(source);
  expect("regexp" in translated && translated.regexp.test(text)).toBe(holds);
});

test.each([
  "(?=a)",
  "(?<!a)",
  "(a)\\1",
  "\\y",
  "a{1001}",
  "[a",
  "[[:nope:]]",
  "a**",
  "\\",
  "*",
  "\\p{Nope}",
  "\\x{110000}",
])("refuses %p", (source) => {
  expect(translateRegexp(source)).toHaveProperty("problem");
});
