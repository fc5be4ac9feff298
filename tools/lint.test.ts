import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");

/** The rules that the linter names for each of the files, linted together, in alphabetical order. */
function rulesBrokenBy(
  sources: Readonly<Record<string, string>>,
): Readonly<Record<string, readonly string[]>> {
  const folder = mkdtempSync(join(tmpdir(), "lint-"));
  try {
    cpSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    cpSync(join(root, "tsconfig.json"), join(folder, "tsconfig.json"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    for (const [path, source] of Object.entries(sources)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), source);
    }
    const oxlint = join(root, "node_modules/.bin/oxlint");
    const { stdout } = spawnSync(oxlint, ["--format=unix"], { cwd: folder, encoding: "utf8" });
    const found = [...stdout.matchAll(/^([^:]+):.*\[Error\/(.+)\]$/gm)];
    const rulesOf = (path: string): readonly string[] =>
      found.flatMap(([, where, rule = ""]) => (where === path ? [rule] : [])).toSorted();
    return Object.fromEntries(Object.keys(sources).map((path) => [path, rulesOf(path)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const globals = [
  "Bun.version",
  "Date.now()",
  "new Date()",
  "performance.now()",
  "setTimeout(f, 1)",
  "setInterval(f, 1)",
  "setImmediate(f)",
  "crypto.randomUUID()",
  "process.env",
  "fetch",
  "console",
  "globalThis",
];

const pureFolders = [
  "src/lib",
  "src/wire/dns",
  "src/raft/core",
  "src/gossip/core",
  "src/state",
  "src/fsm",
  "src/acl",
];

test("pure folders reach neither clock nor chance nor the world", () => {
  const source = `const f = (): void => undefined;\nexport const all = [${globals.join(", ")}, f, Math.random()];\n`;
  const rules = [...globals.map(() => "eslint(no-restricted-globals)"), "eslint(no-restricted-properties)"];
  const paths = pureFolders.map((folder) => `${folder}/a.ts`);
  const broken = rulesBrokenBy(Object.fromEntries(paths.map((path) => [path, source])));
  expect(broken).toEqual(Object.fromEntries(paths.map((path) => [path, rules])));
});

test("only runtime knows which runtime it is", () => {
  const source = "export const x = Bun.version;\n";
  expect(rulesBrokenBy({ "src/agent/a.ts": source, "src/runtime/a.ts": source })).toEqual({
    "src/agent/a.ts": ["eslint(no-restricted-globals)"],
    "src/runtime/a.ts": [],
  });
});

test("a pure folder's tests may use what they like", () => {
  expect(rulesBrokenBy({ "src/lib/a.test.ts": "export const x = [Date.now(), Bun.version];\n" })).toEqual({
    "src/lib/a.test.ts": [],
  });
});

const everywhere: readonly { readonly rule: string; readonly source: string }[] = [
  {
    rule: "typescript(no-floating-promises)",
    source: "export function f(p: Promise<void>): void {\n  p.then();\n}\n",
  },
  {
    rule: "typescript(switch-exhaustiveness-check)",
    source: [
      'export function f(u: "a" | "b"): number {',
      "  switch (u) {",
      '    case "a":',
      "      return 1;",
      "    default:",
      "      return 2;",
      "  }",
      "}",
      "",
    ].join("\n"),
  },
  { rule: "typescript(no-explicit-any)", source: "export const f = (x: any): unknown => x;\n" },
  {
    rule: "eslint(no-empty)",
    source: "export function f(): void {\n  try {\n    f();\n  } catch {}\n}\n",
  },
  {
    rule: "eslint(max-params)",
    source: "export const f = (a: number, b: number, c: number, d: number): number => a + b + c + d;\n",
  },
  {
    rule: "eslint(max-lines-per-function)",
    source: `export function f(): number {\n  let x = 1;\n${"  x += 1;\n".repeat(70)}  return x;\n}\n`,
  },
  { rule: "import(no-default-export)", source: "export default 1;\n" },
];

test("the rules that hold everywhere hold", () => {
  const sources = Object.fromEntries(
    everywhere.map(({ source }, index) => [`src/agent/a${index}.ts`, source]),
  );
  const expected = everywhere.map(({ rule }, index) => [`src/agent/a${index}.ts`, [rule]]);
  expect(rulesBrokenBy(sources)).toEqual(Object.fromEntries(expected));
});
