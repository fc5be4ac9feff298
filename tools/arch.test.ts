import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { checkArchitecture, readSources } from "./arch.ts";
import { cyclesOf } from "./cycles.ts";
import { importsOf } from "./imports.ts";

const problemsOf = (files: Readonly<Record<string, string>>): readonly string[] =>
  checkArchitecture(new Map(Object.entries(files))).problems;

/** One file with one import, and the file that it names. */
const oneImport = (path: string, line: string, target?: string): readonly string[] =>
  problemsOf({ [path]: line, ...(target === undefined ? {} : { [target]: "export const x = 1;" }) });

test("the sources of this repository keep the table", () => {
  const report = checkArchitecture(readSources(join(import.meta.dirname, "..")));
  expect(report.problems).toEqual([]);
  expect(report.fileCount).toBeGreaterThan(10);
  expect(report.importCount).toBeGreaterThan(10);
});

test("a check that saw no file fails", () => {
  expect(problemsOf({})).toEqual(["src:1: no file seen: the check looks in the wrong place"]);
});

describe("imports between folders", () => {
  test.each([
    { from: "src/http/a.ts", line: `import { x } from "../lib/b.ts";`, target: "src/lib/b.ts" },
    { from: "src/http/a.ts", line: `import type { x } from "../agent/b.ts";`, target: "src/agent/b.ts" },
    {
      from: "src/raft/core/a.ts",
      line: `import type { x } from "../../wire/b.ts";`,
      target: "src/wire/b.ts",
    },
    { from: "src/raft/node/a.ts", line: `import { x } from "../core/b.ts";`, target: "src/raft/core/b.ts" },
    { from: "src/main.ts", line: `const x = await import("./runtime/b.ts");`, target: "src/runtime/b.ts" },
    { from: "src/lib/a.test.ts", line: `import { x } from "../runtime/b.ts";`, target: "src/runtime/b.ts" },
    {
      from: "src/wire/dns/a.ts",
      line: `export { x } from "../schema/b.ts";`,
      target: "src/wire/schema/b.ts",
    },
  ])("$from may hold $line", ({ from, line, target }) => {
    expect(oneImport(from, line, target)).toEqual([]);
  });

  test.each([
    {
      from: "src/lib/a.ts",
      line: `import { x } from "../wire/b.ts";`,
      target: "src/wire/b.ts",
      says: "lib may not import wire",
    },
    {
      from: "src/state/a.ts",
      line: `import { x } from "../wire/b.ts";`,
      target: "src/wire/b.ts",
      says: "only `import type`",
    },
    {
      from: "src/state/a.ts",
      line: `export { x } from "../fsm/b.ts";`,
      target: "src/fsm/b.ts",
      says: "may not import fsm",
    },
    {
      from: "src/fsm/a.ts",
      line: `type T = import("../acl/b.ts").T;`,
      target: "src/acl/b.ts",
      says: "may not import acl",
    },
    {
      from: "src/http/a.ts",
      line: `await import("../agent/b.ts");`,
      target: "src/agent/b.ts",
      says: "only `import type`",
    },
    {
      from: "src/gossip/core/a.ts",
      line: `import "../node/b.ts";`,
      target: "src/gossip/node/b.ts",
      says: "gossip/core may not import gossip/node",
    },
    {
      from: "src/server/a.ts",
      line: `import { x } from "../runtime/b.ts";`,
      target: "src/runtime/b.ts",
      says: "may not import runtime",
    },
    {
      from: "src/lib/a.ts",
      line: `import { x } from "./b.test.ts";`,
      target: "src/lib/b.test.ts",
      says: "for tests only",
    },
    {
      from: "src/lib/a.ts",
      line: `import { x } from "./gone.ts";`,
      target: undefined,
      says: "names no file",
    },
    {
      from: "src/agent/a.ts",
      line: `import { x } from "../../sim/world.ts";`,
      target: undefined,
      says: "outside src",
    },
    { from: "src/agent/a.ts", line: "const x = await import(name);", target: undefined, says: "computed" },
    {
      from: "src/surprise/a.ts",
      line: "export const x = 1;",
      target: undefined,
      says: "not in tools/layers.ts",
    },
  ])("$from may not hold $line", ({ from, line, target, says }) => {
    const problems = oneImport(from, line, target);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(says);
  });
});

describe("modules from outside", () => {
  test.each([
    { from: "src/state/a.ts", line: `import BTree from "sorted-btree";` },
    { from: "src/agent/a.ts", line: `import { posix } from "node:path";` },
    { from: "src/runtime/a.ts", line: `import { open } from "node:fs/promises";` },
    { from: "src/runtime/a.ts", line: `import pkg from "../../package.json" with { type: "json" };` },
  ])("$from may hold $line", ({ from, line }) => {
    expect(oneImport(from, line)).toEqual([]);
  });

  test.each([
    { from: "src/wire/a.ts", line: `import { Buffer } from "node:buffer";`, says: "wire is pure" },
    { from: "src/acl/a.ts", line: `import x from "left-pad";`, says: "acl is pure" },
    { from: "src/raft/node/a.ts", line: `import { open } from "node:fs/promises";`, says: "only runtime" },
    { from: "src/cli/a.ts", line: `import { spawn } from "bun";`, says: "only runtime" },
    { from: "src/cli/a.ts", line: `import { Database } from "bun:sqlite";`, says: "only runtime" },
    { from: "src/server/a.ts", line: `const fs = require("node:fs");`, says: "only runtime" },
    { from: "src/main.ts", line: `import net = require("node:net");`, says: "only runtime" },
    { from: "src/runtime/a.ts", line: `import { open } from "fs/promises";`, says: "say node:fs/promises" },
  ])("$from may not hold $line", ({ from, line, says }) => {
    const problems = oneImport(from, line);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(says);
  });
});

describe("excuses", () => {
  const line = `import { open } from "node:fs/promises";`;

  test("a reason at the end of the line or above it excuses that line", () => {
    const reason = "// arch-ignore: measured, nothing else is fast enough";
    expect(oneImport("src/cli/a.ts", `${line} ${reason}`)).toEqual([]);
    expect(oneImport("src/cli/a.ts", `${reason}\n${line}`)).toEqual([]);
  });

  test("no reason, no excuse", () => {
    expect(oneImport("src/cli/a.ts", `${line} // arch-ignore: why`)).toHaveLength(1);
  });

  test("an excuse for nothing is reported", () => {
    expect(oneImport("src/cli/a.ts", "// arch-ignore: it was needed last year\nexport const x = 1;")).toEqual(
      ["src/cli/a.ts:2: this arch-ignore excuses nothing"],
    );
  });
});

test("every way to import is seen", () => {
  const source = [
    `import type { A } from "./1.ts";`,
    `import { type B, c } from "./2.ts";`,
    `import "./3.ts";`,
    `export * from "./4.ts";`,
    `export type { D } from "./5.ts";`,
    `const e = await import("./6.ts");`,
    `type F = import("./7.ts").F;`,
    `const g = require("./8.ts");`,
    `// import "./9.ts"`,
    `const h = 'import "./10.ts"';`,
  ].join("\n");
  expect(importsOf("a.ts", source)).toEqual([
    { specifier: "./1.ts", kind: "type", line: 1 },
    { specifier: "./2.ts", kind: "value", line: 2 },
    { specifier: "./3.ts", kind: "value", line: 3 },
    { specifier: "./4.ts", kind: "value", line: 4 },
    { specifier: "./5.ts", kind: "type", line: 5 },
    { specifier: "./6.ts", kind: "lazy", line: 6 },
    { specifier: "./7.ts", kind: "type", line: 7 },
    { specifier: "./8.ts", kind: "value", line: 8 },
  ]);
});

test("a cycle is reported once, by its shortest walk", () => {
  const edges: readonly (readonly [string, readonly string[]])[] = [
    ["a", ["b", "gone"]],
    ["b", ["c", "d"]],
    ["c", ["d"]],
    ["d", ["b"]],
    ["e", ["e", "a"]],
  ];
  expect(cyclesOf(new Map(edges))).toEqual([
    ["b", "d", "b"],
    ["e", "e"],
  ]);
});
