import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LinearRegexp } from "./linear-regexp.ts";

function compiled(source: string): LinearRegexp {
  const regexp = LinearRegexp.compile(source);
  if ("problem" in regexp) throw new Error(regexp.problem);
  return regexp;
}

test.each<[source: string, text: string, holds: boolean]>([
  ["", "", true],
  ["", "x", true],
  ["f[12]$", "cat-f1", true],
  ["(?i)WEB", "my-web", true],
  ["(?i)straße", "STRASSE", false],
  ["a(?i)b|c", "C", true],
  ["(?i:a)b", "aB", false],
  [".", "\n", false],
  [".", "\r", true],
  ["(?s).", "\n", true],
  ["(?s-s).", "\n", false],
  ["(?m)^b$", "a\nb\nc", true],
  ["^b$", "a\nb\nc", false],
  ["\\Aweb\\z", "web", true],
  ["\\Aweb\\z", "web2", false],
  ["(?P<n>a)b", "ab", true],
  ["(?:a|b)+c", "ababc", true],
  ["^(?:a|b)+c$", "abxc", false],
  ["^[[:alpha:]_]+$", "ab_c", true],
  ["^[[:^alpha:]]$", "5", true],
  ["^[^[:digit:]]$", "5", false],
  ["^[]a]+$", "]a", true],
  ["^[^]a]+$", "]a", false],
  ["^[a-c-]+$", "a-c", true],
  ["^[\\]\\-x]+$", "]-x", true],
  ["^[^a]$", "\n", true],
  ["(?i)^[^a]$", "A", false],
  ["a{,2}", "a{,2}", true],
  ["^a{2}$", "aa", true],
  ["^a{2,3}$", "aaaa", false],
  ["^a{2,}$", "aaaa", true],
  ["^(a{0})$", "", true],
  ["^a*?b+?c??$", "aabb", true],
  ["a\\-b", "a-b", true],
  ["\\Qa.b\\E$", "a.b", true],
  ["\\Qa.b\\E$", "axb", false],
  ["\\x41\\x{42}\\103\\0", "ABC\0", true],
  ["^\\s$", "\u00a0", false],
  ["^\\pL+$", "é", true],
  ["^\\p{Greek}$", "α", true],
  ["^\\P{Greek}$", "α", false],
  ["^\\p{^Lu}$", "A", false],
  ["}]", "}]", true],
  ["^.$", "😀", true],
  ["\\bweb\\b", "a web b", true],
  ["\\bweb\\b", "webs", false],
  ["a\\Bb", "ab", true],
  ["^(a|)*$", "aaa", true],
  ["(|a)+", "", true],
])("%p on %p: %p", (source, text, holds) => {
  expect(compiled(source).test(text)).toBe(holds);
});

test.each([
  ["(?=a)", "invalid or unsupported Perl syntax: `(?=`"],
  ["(?<!a)", "invalid or unsupported Perl syntax: `(?<!`"],
  ["(a)\\1", "invalid escape sequence: `\\1`"],
  ["\\y", "invalid escape sequence: `\\y`"],
  ["a{1001}", "invalid repeat count: `{1001}`"],
  ["a{2,1}", "invalid repeat count: `{2,1}`"],
  ["(a{100}){100}", "invalid repeat count: `(a{100}){100}`"],
  ["[a", "missing closing ]: `[a`"],
  ["[z-a]", "invalid character class range: `z-a`"],
  ["[[:nope:]]", "invalid character class range: `[:nope:]`"],
  ["a**", "invalid nested repetition operator: `**`"],
  ["a{2}{3}", "invalid nested repetition operator: `{2}{3}`"],
  ["\\", "trailing backslash at end of expression: ``"],
  ["*", "missing argument to repetition operator: `*`"],
  ["a|*", "missing argument to repetition operator: `*`"],
  ["\\Q\\E*", "missing argument to repetition operator: `*`"],
  ["(?i)*", "missing argument to repetition operator: `*`"],
  ["(+)", "missing argument to repetition operator: `+`"],
  ["(a", "missing closing ): `(a`"],
  ["a)", "unexpected ): `a)`"],
  ["\\p{Nope}", "invalid character class range: `\\p{Nope}`"],
  ["\\x{110000}", "invalid escape sequence: `\\x{110000}`"],
])("refuses %p", (source, problem) => {
  expect(LinearRegexp.compile(source)).toEqual({ problem: `error parsing regexp: ${problem}` });
});

test.each(["(".repeat(300), "((a{1,1000}b{1,1000}c{1,1000}){1})((d{1,1000}e{1,1000}f{1,1000}))"])(
  "refuses what is too deep or too large",
  (source) => expect(LinearRegexp.compile(source)).toHaveProperty("problem"),
);

describe("hostile patterns", () => {
  test.each(["(a+)+$", "(a|a)*$", "(a*)*b", "(a|aa)+$", "^(.*)*x$", "(x?){500}x{400}"])(
    "%p takes linear time",
    (source) => {
      const regexp = compiled(source);
      const startedAt = performance.now();
      regexp.test(`${"a".repeat(500)}!`);
      expect(performance.now() - startedAt).toBeLessThan(1_000);
    },
  );
});

test("any text is a pattern or a problem, never anything else", () => {
  const piece = fc.constantFrom(...Array.from("ab^$.|()[]{}*+?\\-:,012piQEdwPx<>!=😀"));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 16 }), fc.string({ maxLength: 10 }), (pieces, text) => {
      const regexp = LinearRegexp.compile(pieces.join(""));
      if (!("problem" in regexp)) regexp.test(text);
    }),
    { numRuns: 3_000 },
  );
});

test("agrees with JavaScript's engine where both take a pattern", () => {
  const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "a|b", "(a|bb)", "^", "$", "\\b");
  const quantified = fc.tuple(atom, fc.constantFrom("", "*", "+", "?", "{2}", "{1,2}"));
  fc.assert(
    fc.property(fc.array(quantified, { maxLength: 5 }), fc.stringMatching(/^[ab]{0,8}$/), (parts, text) => {
      const source = parts.map(([one, count]) => `(?:${one})${count}`).join("");
      expect(compiled(source).test(text)).toBe(new RegExp(source).test(text));
    }),
    { numRuns: 3_000 },
  );
});
