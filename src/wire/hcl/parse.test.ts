import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HclError } from "./hcl-error.ts";
import { parseHcl } from "./parse.ts";

const values: readonly { readonly text: string; readonly tree: unknown }[] = [
  { text: "a = 1", tree: { a: 1 } },
  { text: "a = -12\nb = 0x1F, c = 017", tree: { a: -12, b: 31, c: 15 } },
  { text: "a = 1.5\nb = -2e3\nc = .5", tree: { a: 1.5, b: -2000, c: 0.5 } },
  { text: "a = true, b = false", tree: { a: true, b: false } },
  { text: String.raw`a = "x\ty\"z\u00e9\x41\101"`, tree: { a: 'x\ty"zéAA' } },
  { text: 'a = "${b("c")} {{ GetPrivateIP }}"', tree: { a: '${b("c")} {{ GetPrivateIP }}' } },
  { text: "a = <<END\none\n two\nEND\n", tree: { a: "one\n two\n" } },
  { text: "a = <<-END\n    one\n      two\n    END\n", tree: { a: "one\n  two\n" } },
  { text: "a = <<-END\n  one\n      two\n    END\n", tree: { a: "  one\n      two\n" } },
  { text: 'a = [1, "b", [true], { c = 1 },]', tree: { a: [1, "b", [true], { c: 1 }] } },
  { text: "# x\na = 1 // y\n/* z\n*/ b = 2", tree: { a: 1, b: 2 } },
  { text: "a = 1\r\nb = 2\r\n", tree: { a: 1, b: 2 } },
  { text: '"quoted key" = 1\nwith.dots-and = 2', tree: { "quoted key": 1, "with.dots-and": 2 } },
];

describe("values", () => {
  test.each(values)("$text", ({ text, tree }) => {
    expect(parseHcl(text) as unknown).toEqual(tree);
  });
});

describe("blocks", () => {
  test.each([
    { text: "a { b = 1 }", tree: { a: [{ b: 1 }] } },
    { text: "a = { b = 1 }", tree: { a: [{ b: 1 }] } },
    { text: "a { b = 1 }\na { b = 2 }", tree: { a: [{ b: 1 }, { b: 2 }] } },
    {
      text: 'service "web" { policy = "read" intentions = "write" }',
      tree: { service: [{ web: [{ policy: "read", intentions: "write" }] }] },
    },
    {
      text: 'key "a" { x = 1 }\nother = 1\nkey "b" { x = 2 }',
      tree: { key: [{ a: [{ x: 1 }] }, { b: [{ x: 2 }] }], other: 1 },
    },
    { text: "a = [1]\na = [2]", tree: { a: [1, 2] } },
    { text: "a = 1\na = 2", tree: { a: 2 } },
  ])("$text", ({ text, tree }) => {
    expect(parseHcl(text) as unknown).toEqual(tree);
  });
});

const mistakes: readonly { readonly text: string; readonly message: string }[] = [
  { text: "a = web", message: "At 1:5: Unknown token: 1:5 IDENT web" },
  { text: 'a = "x', message: "At 1:8: literal not terminated" },
  { text: "a {\n  b = 1\n", message: "At 3:2: object expected closing RBRACE got: EOF" },
  { text: "a b = 1", message: "At 1:5: nested object expected: LBRACE got: ASSIGN" },
  { text: "a [", message: "At 1:3: expected: IDENT | STRING | ASSIGN | LBRACE got: LBRACK" },
  { text: "a = [1 2]", message: "At 1:8: error parsing list, expected comma or list end, got: NUMBER" },
  { text: "é = 1\n a = ;", message: "At 2:6: illegal char" },
  { text: "a = 089", message: "At 1:5: illegal octal number" },
  { text: "a = <<X\nb", message: "At 2:3: heredoc not terminated" },
  { text: "a = 1\na = {}", message: "At 2:5: root.a: unknown type *ast.LiteralType" },
  { text: String.raw`a = "\q"`, message: "At 1:5: illegal char escape" },
  { text: "/* x", message: "At 1:6: comment not terminated" },
  { text: `a = ${"[".repeat(5_000)}`, message: "At 1:205: nested deeper than 200 levels" },
];

describe("mistakes name their place", () => {
  test.each(mistakes)("$text", ({ text, message }) => {
    expect(() => parseHcl(text)).toThrow(message);
  });

  test("any text is parsed or refused, and never hangs", () => {
    const bit = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      "=",
      ",",
      '"',
      "\n",
      "#",
      "/*",
      "*/",
      "<<E\n",
      "E\n",
      "a",
      "1",
      "${",
      "\\",
      " ",
      "é",
      "\0",
      "-",
      ".",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(bit, fc.string()), { maxLength: 30 }), (bits) => {
        try {
          parseHcl(bits.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(HclError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
