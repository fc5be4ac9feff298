import { expect, test } from "bun:test";
import fc from "fast-check";
import { SubmatchRegexp } from "./submatch-regexp.ts";

function compiled(source: string): SubmatchRegexp {
  const regexp = SubmatchRegexp.compile(source);
  if ("problem" in regexp) throw new Error(regexp.problem);
  return regexp;
}

test.each<[source: string, text: string, groups: readonly string[] | undefined]>([
  ["^geo-db-(.*?)-([^\\-]+?)$", "geo-db-mysql-master", ["geo-db-mysql-master", "mysql", "master"]],
  ["(a+)(b+)?", "xaay", ["aa", "aa", ""]],
  ["(a+?)(a*)", "aaa", ["aaa", "a", "aa"]],
  ["(?U)(a+)(a*)", "aaa", ["a", "a", ""]],
  ["(?U)(a+?)(a*?)", "aaa", ["aaa", "aaa", ""]],
  ["a|ab", "ab", ["a"]],
  ["(?:a|b|c)(d)", "zcd", ["cd", "d"]],
  ["(?P<name>x)(?:y)(z)", "xyz", ["xyz", "x", "z"]],
  ["(a|(b))+", "ab", ["ab", "b", "b"]],
  ["(😀.)", "a😀é", ["😀é", "😀é"]],
  ["x", "y", undefined],
  ["", "y", [""]],
  ["(a{2,3})(a*)", "aaaa", ["aaaa", "aaa", "a"]],
  ["(a{2,3}?)(a*)", "aaaa", ["aaaa", "aa", "aa"]],
  // Measured with Go: what an empty round prefers.
  ["(|a)*", "aaa", ["", ""]],
  ["(|a)+", "aaa", ["", ""]],
  ["(a|)+", "aaa", ["aaa", "a"]],
  ["(a*)*", "b", ["", ""]],
])("%p on %p: %p", (source, text, groups) => {
  expect(compiled(source).match(text)).toEqual(groups === undefined ? undefined : [...groups]);
});

test("agrees with JavaScript's engine on what the groups match", () => {
  const atom = fc.constantFrom("a", "b", ".", "[ab]", "a|b", "ab|a", "a+b", "ba?", "^", "$");
  const quantified = fc.tuple(atom, fc.constantFrom("", "?", "??", "{2}", "{1,2}", "{1,2}?"));
  fc.assert(
    fc.property(fc.array(quantified, { maxLength: 4 }), fc.stringMatching(/^[ab]{0,8}$/), (parts, text) => {
      const source = parts.map(([one, count]) => `((?:${one})${count})`).join("");
      const wanted = new RegExp(source).exec(text);
      expect(compiled(source).match(text)).toEqual(wanted?.map((one) => one ?? "") ?? undefined);
    }),
    { numRuns: 2_000 },
  );
});

test("loops agree with JavaScript's engine where a round takes something", () => {
  const atom = fc.constantFrom("a", "ab", "ab|b", "(?:a|ba)", "[ab]");
  const loop = fc.tuple(atom, fc.constantFrom("*", "+", "*?", "+?", "{2,}", "{1,}?"));
  fc.assert(
    fc.property(fc.array(loop, { maxLength: 3 }), fc.stringMatching(/^[ab]{0,9}$/), (parts, text) => {
      const source = parts.map(([one, count]) => `((?:${one})${count})`).join("");
      expect(compiled(source).match(text)).toEqual(new RegExp(source).exec(text)?.map(String) ?? undefined);
    }),
    { numRuns: 2_000 },
  );
});

test("a hostile pattern takes linear time", () => {
  const regexp = compiled("^((a+)+)+$");
  const startedAt = performance.now();
  expect(regexp.match(`${"a".repeat(2_000)}!`)).toBeUndefined();
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});
