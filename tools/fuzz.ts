/**
 * Runs the property tests with many more inputs than `npm test` does, each time from fresh seeds.
 *
 *     npm run fuzz                     every property, 10,000 inputs each
 *     npm run fuzz -- 100000 src/wire  more of them, for the tests below one folder
 *
 * fast-check prints the seed and the path of a failure; put them into the property's parameters to replay it.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codeFolders, filesBelow, isTestFile } from "./source-files.ts";

const root = join(import.meta.dirname, "..");
const testTimeoutMs = 10 * 60_000;

function main(): void {
  const [runCount = "10000", ...folders] = process.argv.slice(2);
  const wanted = folders.length === 0 ? codeFolders : folders;
  const files = wanted
    .flatMap((folder) => filesBelow(root, folder))
    .filter((path) => isTestFile(path) && /from "fast-check"/.test(readFileSync(join(root, path), "utf8")));
  if (files.length === 0) throw new Error(`no property tests below ${wanted.join(", ")}`);
  const setup = ["--preload", join(root, "tools/fuzz-setup.ts"), "--timeout", String(testTimeoutMs)];
  const { status } = spawnSync(process.execPath, ["test", ...setup, ...files.map((path) => `./${path}`)], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, FUZZ_RUNS: runCount },
  });
  process.exitCode = status ?? 1;
}

main();
