import { parseSync, Visitor } from "oxc-parser";

/** One reference from a file to a module. */
export interface ImportSite {
  /** What stands between the quotes; `undefined` where it is computed and so cannot be judged. */
  readonly specifier: string | undefined;
  /** `type` vanishes at run time, `lazy` loads on call. */
  readonly kind: "value" | "type" | "lazy";
  /** 1-based. */
  readonly line: number;
}

type Span = { readonly start: number; readonly end: number };
type Found = {
  readonly specifier: string | undefined;
  readonly kind: ImportSite["kind"];
  readonly at: number;
};

/**
 * Every import of a TypeScript source, whatever its syntax: `import`, `export … from`, `import()`, `require()`,
 * `import x = require()` and `import("…")` inside a type.
 *
 * Throws `SyntaxError` if the text does not parse.
 */
export function importsOf(path: string, source: string): readonly ImportSite[] {
  const parsed = parseSync(path, source);
  const problem = parsed.errors[0];
  if (problem !== undefined) throw new SyntaxError(`${path}: ${problem.message}`);
  const text = (span: Span): string | undefined => unquoted(source.slice(span.start, span.end));
  const { staticImports, staticExports, dynamicImports } = parsed.module;
  const found: Found[] = [];
  for (const item of staticImports) {
    const typeOnly = item.entries.length > 0 && item.entries.every((entry) => entry.isType);
    found.push({ specifier: item.moduleRequest.value, kind: typeOnly ? "type" : "value", at: item.start });
  }
  for (const entry of staticExports.flatMap((item) => item.entries)) {
    if (entry.moduleRequest === null || entry.moduleRequest === undefined) continue;
    const kind = entry.isType ? "type" : "value";
    found.push({ specifier: entry.moduleRequest.value, kind, at: entry.start });
  }
  for (const item of dynamicImports) {
    found.push({ specifier: text(item.moduleRequest), kind: "lazy", at: item.start });
  }
  new Visitor({
    TSImportType: (node) => {
      found.push({ specifier: text(node.source), kind: "type", at: node.start });
    },
    TSExternalModuleReference: (node) => {
      found.push({ specifier: text(node.expression), kind: "value", at: node.start });
    },
    CallExpression: (node) => {
      if (node.callee.type !== "Identifier" || node.callee.name !== "require") return;
      const target = node.arguments[0];
      const specifier = target === undefined ? undefined : text(target);
      found.push({ specifier, kind: "value", at: node.start });
    },
  }).visit(parsed.program);
  return found
    .toSorted((a, b) => a.at - b.at)
    .map(({ specifier, kind, at }) => ({ specifier, kind, line: lineOf(source, at) }));
}

/** The 1-based line on which the character at `offset` stands. */
export function lineOf(source: string, offset: number): number {
  let line = 1;
  for (let at = source.indexOf("\n"); at !== -1 && at < offset; at = source.indexOf("\n", at + 1)) line += 1;
  return line;
}

function unquoted(literal: string): string | undefined {
  return /^(["'`])([^"'`$\\]*)\1$/.exec(literal)?.[2];
}
