/**
 * Runs the property tests with many more inputs than `npm test` does, each time from fresh seeds.
 *
 * fast-check prints the seed and the path of a failure; put them into the property's parameters to replay it.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codeFolders, filesBelow, isTestFile } from "../source-files.ts";

const root = join(import.meta.dirname, "../..");
const testTimeoutMs = 10 * 60_000;

/** Runs the tests below `folders`, or all, with `runCount` inputs for each property. Answers the exit code. */
export function runProperties(runCount: string, folders: readonly string[]): number {
  const wanted = folders.length === 0 ? codeFolders : folders;
  const files = wanted
    .flatMap((folder) => filesBelow(root, folder))
    .filter((path) => isTestFile(path) && /from "fast-check"/.test(readFileSync(join(root, path), "utf8")));
  if (files.length === 0) throw new Error(`no property tests below ${wanted.join(", ")}`);
  const setup = [
    "--preload",
    join(root, "tools/fuzz/properties-setup.ts"),
    "--timeout",
    String(testTimeoutMs),
  ];
  const { status } = spawnSync(process.execPath, ["test", ...setup, ...files.map((path) => `./${path}`)], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, FUZZ_RUNS: runCount },
  });
  return status ?? 1;
}
