/**
 * The architecture check: parses every import in `src` and holds it against the table in `layers.ts`.
 *
 * It reports imports that go the wrong way, modules that a folder may not touch, files in folders that the table
 * does not know, and cycles; and it fails when it saw no file, because a check that looked at nothing passes on
 * everything. One line may be excused by `// arch-ignore: REASON` at its end or on the line above; an
 * excuse that excuses nothing is a finding too.
 */
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import { cyclesOf } from "./cycles.ts";
import { type ImportSite, importsOf } from "./imports.ts";
import { areaOf, mayImport, pureAreas, purePackages, runtimeModules } from "./layers.ts";
import { filesBelow, isTestFile, isTypeScript } from "./source-files.ts";

/** What the check saw and what it found; `problems` are `path:line: sentence`. */
export interface ArchReport {
  readonly fileCount: number;
  readonly importCount: number;
  readonly excusedCount: number;
  readonly problems: readonly string[];
}

/** Source texts by path relative to the repository, `/`-separated. */
export type Sources = ReadonlyMap<string, string>;

/** Checks the given files, of which those below `src` count. Throws `SyntaxError` for a file that does not parse. */
export function checkArchitecture(sources: Sources): ArchReport {
  const problems: string[] = [];
  const graph = new Map<string, readonly string[]>();
  let importCount = 0;
  let excusedCount = 0;
  for (const [path, source] of sources) {
    const sites = importsOf(path, source);
    importCount += sites.length;
    graph.set(path, targetsOf(path, sites));
    if (isTestFile(path)) continue;
    if (areaOf(path) === undefined) problems.push(`${path}:1: this folder is not in tools/layers.ts`);
    const excuses = excusesIn(source);
    for (const site of sites) {
      const problem = problemWith(path, site, sources);
      if (problem === undefined) continue;
      if (excuses.delete(site.line)) excusedCount += 1;
      else problems.push(`${path}:${site.line}: ${problem}`);
    }
    for (const line of excuses.keys()) problems.push(`${path}:${line}: this arch-ignore excuses nothing`);
  }
  for (const cycle of cyclesOf(graph))
    problems.push(`${cycle[0] ?? ""}:1: import cycle: ${cycle.join(" → ")}`);
  if (sources.size === 0) problems.push("src:1: no file seen: the check looks in the wrong place");
  return { fileCount: sources.size, importCount, excusedCount, problems };
}

/** Reads the files of `src` below `root`. */
export function readSources(root: string): Sources {
  const paths = filesBelow(root, "src").filter(isTypeScript);
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

/** The lines whose import is excused: those with the remark, and those below a line that is only the remark. */
function excusesIn(source: string): Map<number, string> {
  const excuses = new Map<number, string>();
  for (const [index, line] of source.split("\n").entries()) {
    const reason = /\/\/ arch-ignore: (\S.{9,})$/.exec(line)?.[1];
    if (reason === undefined) continue;
    const alone = line.trimStart().startsWith("//");
    excuses.set(alone ? index + 2 : index + 1, reason);
  }
  return excuses;
}

function problemWith(path: string, site: ImportSite, sources: Sources): string | undefined {
  const { specifier } = site;
  if (specifier === undefined) return "the module is computed, so that no check can follow it";
  return specifier.startsWith(".")
    ? problemWithFile(path, { ...site, specifier }, sources)
    : problemWithModule(path, specifier);
}

function problemWithFile(
  path: string,
  site: ImportSite & { readonly specifier: string },
  sources: Sources,
): string | undefined {
  const target = resolved(path, site.specifier);
  const from = areaOf(path);
  // The package's own description: the one place that names the version.
  if (target === "package.json" && from === "runtime") return undefined;
  if (!target.startsWith("src/")) return `${site.specifier} is outside src`;
  if (isTypeScript(target) && !sources.has(target)) return `${site.specifier} names no file`;
  if (isTestFile(target)) return `${target} is there for tests only`;
  const to = areaOf(target);
  if (from === undefined || to === undefined || from === to) return undefined;
  const reach = mayImport[from][to];
  if (reach === undefined) return `${from} may not import ${to} (${site.specifier})`;
  if (reach === "type" && site.kind !== "type") return `${from} may only \`import type\` from ${to}`;
  return undefined;
}

function problemWithModule(path: string, specifier: string): string | undefined {
  const area = areaOf(path);
  if (isBuiltin(specifier) && !/^(node|bun):|^bun$/.test(specifier)) return `say node:${specifier}`;
  if (area === undefined || area === "runtime") return undefined;
  const name = packageName(specifier);
  const isBuiltIn = specifier.startsWith("node:") || specifier === "bun" || specifier.startsWith("bun:");
  if (runtimeModules.has(name) || specifier.startsWith("bun:")) return `only runtime may import ${specifier}`;
  if (pureAreas.has(area) && (isBuiltIn || !purePackages.has(name))) {
    return `${area} is pure and may not import ${specifier}`;
  }
  return undefined;
}

/** `node:fs` of `node:fs/promises`, `@scope/name` of `@scope/name/part`. */
function packageName(specifier: string): string {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

function resolved(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier);
}

function targetsOf(path: string, sites: readonly ImportSite[]): readonly string[] {
  return sites.flatMap(({ specifier }) => (specifier?.startsWith(".") ? [resolved(path, specifier)] : []));
}

function main(): void {
  const { fileCount, importCount, excusedCount, problems } = checkArchitecture(
    readSources(join(import.meta.dirname, "..")),
  );
  for (const problem of problems) console.error(problem);
  console.log(
    `arch: ${fileCount} files, ${importCount} imports, ${excusedCount} excused, ${problems.length} problems`,
  );
  if (problems.length > 0) process.exitCode = 1;
}

if (import.meta.main) main();
