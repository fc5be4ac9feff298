import { expect, test } from "bun:test";
import fc from "fast-check";
import { FilterError } from "./filter-error.ts";
import { parseFilter } from "./parse.ts";

type Case = readonly [text: string, parsed: unknown];
const match = (selector: string[], operator: string, value = ""): object => ({
  kind: "match",
  selector,
  operator,
  negated: false,
  value,
});
const negated = (selector: string[], operator: string, value = ""): object => ({
  ...match(selector, operator, value),
  negated: true,
});

const accepted: readonly Case[] = [
  ["Port==80", match(["Port"], "equal", "80")],
  ["  Port != -1.5 ", negated(["Port"], "equal", "-1.5")],
  ["Node == bare", match(["Node"], "equal", "bare")],
  ['Node == "two words"', match(["Node"], "equal", "two words")],
  ["Node == `raw\\n`", match(["Node"], "equal", "raw\\n")],
  ['Node == "a\\tb\\u00e9\\x41\\101"', match(["Node"], "equal", "a\tbéAA")],
  ["v1 in Tags", match(["Tags"], "in", "v1")],
  ['"v 1" not in Tags', negated(["Tags"], "in", "v 1")],
  ["Tags contains v1", match(["Tags"], "in", "v1")],
  ["Tags not contains v1", negated(["Tags"], "in", "v1")],
  ["Tags is empty", match(["Tags"], "empty")],
  ["Tags is not empty", negated(["Tags"], "empty", "")],
  ["Name matches `^a`", match(["Name"], "matches", "^a")],
  ["Name not matches `^a`", negated(["Name"], "matches", "^a")],
  ['Meta["a-b"].c[ `d` ] == x', match(["Meta", "a-b", "c", "d"], "equal", "x")],
  ["not == x", match(["not"], "equal", "x")],
  ["a == not", match(["a"], "equal", "not")],
  ["in in in", match(["in"], "in", "in")],
  ["not not a is empty", { kind: "not", part: { kind: "not", part: match(["a"], "empty") } }],
  ["(a is empty)", match(["a"], "empty")],
  [
    "a is empty or b is empty and not ( c is empty )",
    {
      kind: "or",
      parts: [
        match(["a"], "empty"),
        { kind: "and", parts: [match(["b"], "empty"), { kind: "not", part: match(["c"], "empty") }] },
      ],
    },
  ],
];

test.each(accepted)("reads %s", (...[text, parsed]: Case) => {
  expect(parseFilter(text)).toEqual(parsed as ReturnType<typeof parseFilter>);
});

const value = String.raw`"-", "0", "\"", "${"`"}", [ \t\r\n], [1-9] or [a-zA-Z]`;
const misses = "no match found, expected:";
// Texts and places are those of the reference.
const refused: readonly (readonly [text: string, why: string])[] = [
  [" ", String.raw`1:2 (1): ${misses} "(", "-", "0", "\"", "${"`"}", "not", [ \t\r\n], [1-9] or [a-zA-Z]`],
  ["a = b", String.raw`1:3 (2): ${misses} "!=", "==", "contains", "in", "is", "matches", "not" or [ \t\r\n]`],
  ["and", String.raw`1:4 (3): ${misses} "!=", ".", "==", "[", [ \t\r\n] or [a-zA-Z0-9_]`],
  ["not(a == b)", String.raw`1:4 (3): ${misses} "!=", ".", "==", "[", [ \t\r\n] or [a-zA-Z0-9_]`],
  ["Node == 'b'", `1:9 (8): ${misses} ${value}`],
  ["Node == +8", `1:9 (8): ${misses} ${value}`],
  ["é", "1:1 (0): no match found"],
  ["a == `é` )", "1:10 (10): no match found"],
  ["a == b and", String.raw`1:11 (10): ${misses} [ \t\r\n]`],
  ["(a == b)and c == d", String.raw`1:9 (8): ${misses} [ \t\r\n] or EOF`],
  ["a == b)", String.raw`1:7 (6): ${misses} ".", "[", [ \t\r\n], [a-zA-Z0-9_] or EOF`],
  ["a == b\nand\n! x", "3:1 (11): no match found"],
  ["a. == b", `1:3 (2): ${misses} [a-zA-Z]`],
  ["a is emptyish", String.raw`1:11 (10): ${misses} [ \t\r\n] or EOF`],
  ["((a == b)", '1:10 (9): rule "grouping": Unmatched parentheses'],
  ['a == "b', '1:8 (7): rule "string": Unterminated string literal'],
  ['a == "\\q"', '1:6 (5): rule "string": invalid syntax'],
  ['a == "\\ud800"', '1:6 (5): rule "string": invalid syntax'],
  ["a == 80x", '1:8 (7): rule "number": Invalid number literal'],
  ["a == 007", '1:7 (6): rule "number": Invalid number literal'],
  ["a == 10.0.0.1", '1:10 (9): rule "number": Invalid number literal'],
  ["a[b] == c", '1:3 (2): rule "index": Invalid index'],
  ['a["b" == c', '1:7 (6): rule "index": Unclosed index expression'],
  ["a in 5", '1:6 (5): rule "match": Invalid selector'],
];

test.each(refused)("refuses %s", (text, why) => {
  expect(() => parseFilter(text)).toThrow(`Failed to create boolean expression evaluator: ${why}`);
});

test("nesting is bounded", () => {
  expect(() => parseFilter(`${"(".repeat(1e5)}a is empty`)).toThrow("nested too deeply");
  expect(() => parseFilter(`${"not ".repeat(1e5)}a is empty`)).toThrow("nested too deeply");
  expect(parseFilter(`${"a is empty and ".repeat(1e4)}a is empty`).kind).toBe("and");
});

const words = [
  "a",
  "Meta",
  ".",
  "[",
  "]",
  '"',
  "`",
  "(",
  ")",
  "not",
  "and",
  "or",
  "in",
  "is",
  "empty",
  " ",
  "\n",
];
const soup = fc
  .array(fc.constantFrom(...words, "contains", "matches", "==", "!=", "0", "-", "x\\"))
  .map((parts) => parts.join(""));

test("any text is an expression or a FilterError", () => {
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: "binary" })), (text) => {
      try {
        expect(parseFilter(text)).toHaveProperty("kind");
      } catch (error) {
        expect(error).toBeInstanceOf(FilterError);
      }
    }),
    { numRuns: 2000 },
  );
});
