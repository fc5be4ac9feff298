import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkText, checkTree } from "./tidy.ts";

const lines = (count: number): string => "let a = 1;\n".repeat(count);

test("the texts of this repository are tidy", () => {
  const report = checkTree(join(import.meta.dirname, ".."));
  expect(report.problems).toEqual([]);
  expect(report.fileCount).toBeGreaterThan(10);
});

test("a check that saw no file fails", () => {
  const empty = mkdtempSync(join(tmpdir(), "tidy-"));
  try {
    expect(checkTree(empty).problems).toEqual(["src:1: no file seen: the check looks in the wrong place"]);
  } finally {
    rmSync(empty, { recursive: true });
  }
});

test.each([
  { what: "500 lines", path: "src/a.ts", text: lines(500) },
  { what: "a long test", path: "src/a.test.ts", text: lines(900) },
  { what: "a long table", path: "src/a.table.ts", text: lines(900) },
  { what: "a long struct file", path: "src/wire/structs/a.ts", text: lines(900) },
  { what: "a long document", path: "docs/a.md", text: lines(900) },
  {
    what: "a line that is long for its literal",
    path: "src/a.ts",
    text: `const a = "${"x".repeat(200)}";\n`,
  },
  { what: "a template over lines", path: "src/a.ts", text: `const a = \`\n${"x".repeat(200)}\n\`;\n` },
  { what: "a to-do with its issue", path: "src/a.ts", text: `// ${"TO"}DO(#12): say it\n` },
  {
    what: "a path of the product",
    path: "src/a.ts",
    text: `const a = "/v1/root/x"; const b = "/var/lib";\n`,
  },
])("$what is fine", ({ path, text }) => {
  expect(checkText(path, text)).toEqual([]);
});

test.each([
  { what: "501 lines", path: "src/a.ts", text: lines(501), says: "501 lines" },
  { what: "a long line", path: "src/a.ts", text: `const a = ${"x + ".repeat(40)}x;\n`, says: "172 columns" },
  { what: "a long comment", path: "src/a.ts", text: `// ${"x".repeat(120)}\n`, says: "123 columns" },
  {
    what: "a test that waits inside a matcher",
    path: "src/a.test.ts",
    text: `expect(a).${"rejects"}.toThrow();\n`,
    says: "blocks the loop",
  },
  { what: "a fix-me", path: "docs/a.md", text: `a\n${"FIX"}ME\n`, says: ":2: finish it" },
  { what: "a to-do", path: "src/a.ts", text: `// ${"TO"}DO say it\n`, says: "issue number" },
  {
    what: "a machine path",
    path: "src/a.ts",
    text: `const a = "/${"home"}/ada/x";\n`,
    says: "somebody's machine",
  },
  {
    what: "a registry host",
    path: "package-lock.json",
    text: `{ "resolved": "https://r/x.tgz" }\n`,
    says: "registry",
  },
])("$what is reported", ({ path, text, says }) => {
  const problems = checkText(path, text);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(says);
});

test("code that does not parse is said to be so", () => {
  expect(() => checkText("src/a.ts", "const = ;")).toThrow(SyntaxError);
});
