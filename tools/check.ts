/**
 * Runs every check at once and prints what each found: types, lint, format, tidiness, architecture, dead exports.
 *
 * `npm run check` runs all; `bun tools/check.ts lint tidy` only the named ones. The exit code is 1 if any fails.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";

interface Check {
  readonly name: string;
  /** Program and arguments, run in the repository's root. */
  readonly command: readonly [string, ...string[]];
}

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
  readonly ms: number;
}

const root = join(import.meta.dirname, "..");
const tool = (name: string): string => join(root, "node_modules/.bin", name);

const checks: readonly Check[] = [
  { name: "types", command: [tool("tsc"), "--noEmit", "-p", "."] },
  { name: "lint", command: [tool("oxlint")] },
  { name: "format", command: [tool("oxfmt"), "--check"] },
  { name: "tidy", command: [process.execPath, "tools/tidy.ts"] },
  { name: "arch", command: [process.execPath, "tools/arch.ts"] },
  { name: "dead exports", command: [tool("knip"), "--no-progress"] },
];

async function run({ command: [program, ...args] }: Check): Promise<Outcome> {
  const startedAt = performance.now();
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { passed: code === 0, output: `${out}${err}`.trim(), ms: performance.now() - startedAt };
}

async function main(): Promise<void> {
  const wanted = new Set(process.argv.slice(2));
  const chosen = checks.filter(({ name }) => wanted.size === 0 || wanted.has(name));
  if (chosen.length === 0)
    throw new Error(`no such check; there are: ${checks.map(({ name }) => name).join(", ")}`);
  const outcomes = await Promise.all(
    chosen.map(async (check) => ({ name: check.name, ...(await run(check)) })),
  );
  for (const { name, output } of outcomes.filter(({ passed }) => !passed))
    console.log(`── ${name}\n${output}\n`);
  for (const { name, passed, ms } of outcomes) {
    console.log(`${passed ? "ok  " : "FAIL"} ${name} (${(ms / 1000).toFixed(1)} s)`);
  }
  if (outcomes.some(({ passed }) => !passed)) process.exitCode = 1;
}

await main();
