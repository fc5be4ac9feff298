import { readdirSync } from "node:fs";
import { join } from "node:path";

const foldersSkipped: ReadonlySet<string> = new Set(["node_modules", "dist", ".git", "testdata", "fixtures"]);

/**
 * Every file below `folder` of `root`, as `/`-separated paths relative to `root`, sorted.
 *
 * Built, installed and recorded files (`dist`, `node_modules`, `testdata`, `fixtures`) are left out. A folder
 * that does not exist has no files; callers assert how much they saw.
 */
export function filesBelow(root: string, folder: string): readonly string[] {
  const found: string[] = [];
  const walk = (relative: string): void => {
    for (const entry of readdirSync(join(root, relative), { withFileTypes: true })) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!foldersSkipped.has(entry.name)) walk(path);
      } else if (entry.isFile()) {
        found.push(path);
      }
    }
  };
  try {
    walk(folder);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  return found.toSorted();
}

/** Folders that hold code of ours, in the order in which checks name them. */
export const codeFolders: readonly string[] = ["src", "sim", "test", "bench", "tools", "examples"];

/** Whether `path` is TypeScript that the compiler sees. */
export function isTypeScript(path: string): boolean {
  return (path.endsWith(".ts") || path.endsWith(".tsx")) && !path.endsWith(".d.ts");
}

/**
 * Whether `path` is there for tests only: a test, a contract suite that tests share, or a folder of test parts.
 *
 * Such files may build a world out of every layer, so the direction table does not bind them.
 */
export function isTestFile(path: string): boolean {
  return /\.(test|contract)\.tsx?$/.test(path) || path.includes("/testing/");
}
