/**
 * The tidiness check: rules about text that neither compiler nor linter knows.
 *
 * Code files have at most 500 lines (tables, schemas and tests exempt) and no line over 120 columns, not counting
 * what stands inside literals, which no formatter can break. No test waits inside a matcher. No fix-me marks; a to-do
 * names its issue. No tracked text holds the path of somebody's machine, and the lockfile names no registry host. Like
 * every check here it fails when it looked at nothing.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import { codeFolders, filesBelow, isTestFile, isTypeScript } from "./source-files.ts";

/** What the check saw and what it found; `problems` are `path:line: sentence`. */
export interface TidyReport {
  readonly fileCount: number;
  readonly lineCount: number;
  readonly problems: readonly string[];
}

const lineCountMax = 500;
const columnCountMax = 120;

// Assembled, so that this file does not trip over its own rules.
const fixMark = new RegExp(`\\b${"FIX"}${"ME"}\\b`);
const toDoMark = new RegExp(`\\b${"TO"}${"DO"}\\b(?!\\(#\\d+\\))`);
const machinePath = new RegExp(`(^|[^\\w./-])/${"(work|home|Users|farm|root)"}/[\\w.-]`);

/** What `bun test` does for it is told in src/lib/rejection.ts. */
const blockingMatcher = /\)\.(rejects|resolves)\./;

const textEndings = /\.(ts|tsx|md|json|jsonc|sh|yml|yaml|html|css|hcl|txt|toml)$|^(bin|\.ci)\/|^[A-Z]+$/;

/** Checks one text; `path` decides which rules bind it. Throws `SyntaxError` for code that does not parse. */
export function checkText(path: string, text: string): readonly string[] {
  const problems: string[] = [];
  const lines = text.split("\n");
  const report = (index: number, sentence: string): void =>
    void problems.push(`${path}:${index + 1}: ${sentence}`);
  for (const [index, line] of lines.entries()) {
    if (fixMark.test(line)) report(index, "finish it or file an issue");
    if (toDoMark.test(line)) report(index, "a to-do carries its issue number: (#12) right after the word");
    if (machinePath.test(line)) report(index, "a path of somebody's machine");
  }
  if (path === "package-lock.json") {
    const index = lines.findIndex((line) => line.includes('"resolved":'));
    if (index !== -1)
      report(index, "names a registry host: set omit-lockfile-registry-resolved and regenerate");
  }
  if (isTypeScript(path)) problems.push(...checkCode(path, text));
  return problems;
}

function checkCode(path: string, text: string): readonly string[] {
  const problems: string[] = [];
  const lines = withoutLiterals(path, text).split("\n");
  if (lines.length - 1 > lineCountMax && !isLengthExempt(path)) {
    problems.push(`${path}:${lineCountMax}: ${lines.length - 1} lines, at most ${lineCountMax}`);
  }
  for (const [index, line] of lines.entries()) {
    if (blockingMatcher.test(line)) {
      problems.push(`${path}:${index + 1}: blocks the loop it waits for: use rejection() of src/lib`);
    }
    if (line.length > columnCountMax) {
      problems.push(`${path}:${index + 1}: ${line.length} columns, at most ${columnCountMax}`);
    }
  }
  return problems;
}

function isLengthExempt(path: string): boolean {
  return isTestFile(path) || /\.(table|schema)\.ts$/.test(path) || path.startsWith("src/wire/structs/");
}

/** The text with the insides of its string, template and pattern literals removed, line ends kept. */
function withoutLiterals(path: string, text: string): string {
  const parsed = parseSync(path, text);
  const problem = parsed.errors[0];
  if (problem !== undefined) throw new SyntaxError(`${path}: ${problem.message}`);
  const spans: { readonly start: number; readonly end: number }[] = [];
  const keep = (node: { readonly start: number; readonly end: number }): void => void spans.push(node);
  new Visitor({ Literal: keep, TemplateElement: keep, JSXText: keep }).visit(parsed.program);
  let rest = "";
  let at = 0;
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    if (start < at) continue;
    rest += text.slice(at, start) + text.slice(start, end).replace(/[^\n]/g, "");
    at = end;
  }
  return rest + text.slice(at);
}

/** Checks every text of ours below `root`: code, documents, scripts and settings. */
export function checkTree(root: string): TidyReport {
  const topLevel = filesBelow(root, "").filter((path) => !path.includes("/"));
  const folders = [...codeFolders, "docs", "bin", ".ci"].flatMap((folder) => filesBelow(root, folder));
  const paths = [...topLevel, ...folders].filter((path) => textEndings.test(path));
  const problems: string[] = [];
  let lineCount = 0;
  for (const path of paths) {
    const text = readFileSync(join(root, path), "utf8");
    lineCount += text.split("\n").length - 1;
    problems.push(...checkText(path, text));
  }
  if (paths.length === 0) problems.push("src:1: no file seen: the check looks in the wrong place");
  return { fileCount: paths.length, lineCount, problems };
}

function main(): void {
  const { fileCount, lineCount, problems } = checkTree(join(import.meta.dirname, ".."));
  for (const problem of problems) console.error(problem);
  console.log(`tidy: ${fileCount} files, ${lineCount} lines, ${problems.length} problems`);
  if (problems.length > 0) process.exitCode = 1;
}

if (import.meta.main) main();
