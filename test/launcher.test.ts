/** bin/proconsul, with a program in place of ours that says how it was started. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";

const root = join(import.meta.dirname, "..");
const program = `console.log(JSON.stringify({
  pid: process.pid, args: process.argv.slice(2), extra: process.env.FROM_DOTENV ?? "", cwd: process.cwd(),
  runtime: process.versions.bun === undefined ? "node" : "bun", from: import.meta.filename,
  own: (process.env.PROCONSUL_RUNTIME_SETTINGS ?? "").trim(), interval: process.env.MIMALLOC_PURGE_HOLES_MIN_INTERVAL,
}));`;
// What npm leaves in bun's place when install scripts are skipped.
const placeholder = 'echo "Error: Bun\'s postinstall script was not run." >&2\nexit 1\n';

let tree = "";
const inTree = (path: string): string => join(tree, path);

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), "launcher-"));
  cpSync(join(root, "bin"), inTree("app/bin"), { recursive: true });
  put("app/src/main.ts", program);
});

afterEach(() => rmSync(tree, { recursive: true }));

function put(path: string, content: string): void {
  mkdirSync(dirname(inTree(path)), { recursive: true });
  writeFileSync(inTree(path), content);
}

/** Bun as npm installs it when scripts run. A link is enough: the launcher only reads and runs it. */
function installBun(path: string): void {
  mkdirSync(dirname(inTree(path)), { recursive: true });
  symlinkSync(process.execPath, inTree(path));
}

function installPlaceholder(): void {
  put("app/node_modules/bun/bin/bun.exe", placeholder);
  chmodSync(inTree("app/node_modules/bun/bin/bun.exe"), 0o755);
}

interface Run {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly stderr: string;
  readonly said: unknown;
}

async function run(
  command: string,
  o: { readonly args?: readonly string[]; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Run> {
  const child = spawn(command, o.args ?? [], {
    cwd: o.cwd ?? tree,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...o.env },
  });
  const { promise: code, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("close", resolve);
  child.on("error", reject);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const said: unknown = stdout === "" ? undefined : JSON.parse(stdout);
  return { pid: child.pid, code: await code, stderr, said };
}

describe("with bun installed", () => {
  beforeEach(() => installBun("app/node_modules/bun/bin/bun.exe"));

  test("the program gets the arguments as they are, in the caller's folder, under the launcher's own pid", async () => {
    mkdirSync(inTree("work"));
    const args = ["agent", "-dev", "--", "two words", "", "*"];
    const { pid, code, said } = await run(inTree("app/bin/proconsul"), { args, cwd: inTree("work") });
    expect(said).toMatchObject({ pid, args, cwd: inTree("work"), runtime: "bun" });
    expect(code).toBe(0);
  });

  test("a chain of symlinks of other names leads to it, absolute and relative", async () => {
    mkdirSync(inTree("links"));
    symlinkSync("../app/bin/proconsul", inTree("links/proc"));
    symlinkSync(inTree("links/proc"), inTree("consul"));
    expect((await run(inTree("consul"))).said).toMatchObject({ runtime: "bun" });
    expect((await run("./consul")).said).toMatchObject({ runtime: "bun" });
  });

  test("settings that lie in the caller's folder change nothing", async () => {
    put("work/.env", "FROM_DOTENV=1\n");
    put("work/bunfig.toml", 'preload = ["./surprise.ts"]\n');
    put("work/surprise.ts", "process.exit(9);\n");
    const { code, said } = await run(inTree("app/bin/proconsul"), { cwd: inTree("work") });
    expect(said).toMatchObject({ extra: "" });
    expect(code).toBe(0);
  });
});

describe("with a build of the sources", () => {
  beforeEach(() => {
    installBun("app/node_modules/bun/bin/bun.exe");
    put("app/package.json", '{ "version": "1" }');
    put("app/dist/app/current", "build-1\n");
    put("app/dist/app/build-1/main.js", program);
    put("app/dist/app/build-1/package.json", '{ "version": "1" }');
    put("app/dist/app/build-1/begun", "");
    age("app/dist/app/build-1/begun", 10);
    for (const path of ["app/src/main.ts", "app/src"]) age(path, 20);
  });

  function age(path: string, seconds: number): void {
    const at = Date.now() / 1_000 - seconds;
    utimesSync(inTree(path), at, at);
  }

  const started = async (): Promise<unknown> => (await run(inTree("app/bin/proconsul"))).said;

  test("the build runs while it is newer than every source", async () => {
    expect(await started()).toMatchObject({ from: inTree("app/dist/app/build-1/main.js") });
  });

  test.each([
    { what: "a source was changed", change: () => age("app/src/main.ts", 5) },
    { what: "a source was taken away", change: () => age("app/src", 5) },
    { what: "the version is another", change: () => put("app/package.json", '{ "version": "2" }') },
    { what: "the build is gone", change: () => rmSync(inTree("app/dist/app/build-1"), { recursive: true }) },
    { what: "no build is named", change: () => put("app/dist/app/current", "") },
  ])("the sources run when $what", async ({ change }) => {
    change();
    expect(await started()).toMatchObject({ from: inTree("app/src/main.ts") });
  });

  test("a setting of the runtime is ours unless the operator chose one, and is named so that it can be dropped", async () => {
    const name = "MIMALLOC_PURGE_HOLES_MIN_INTERVAL";
    expect(await started()).toMatchObject({ own: name, interval: "2000" });
    const chosen = await run(inTree("app/bin/proconsul"), { env: { [name]: "2" } });
    expect(chosen.said).toMatchObject({ own: "", interval: "2" });
  });
});

describe("with install scripts skipped", () => {
  beforeEach(installPlaceholder);

  test("the platform package's binary is taken, past flavours that do not run here", async () => {
    put("app/node_modules/@oven/bun-linux-other/bin/bun", "#!/bin/sh\nexit 1\n");
    chmodSync(inTree("app/node_modules/@oven/bun-linux-other/bin/bun"), 0o755);
    installBun("app/node_modules/@oven/bun-this/bin/bun");
    expect((await run(inTree("app/bin/proconsul"))).said).toMatchObject({ runtime: "bun" });
  });

  test("without one, the bundle runs under Node", async () => {
    put("app/dist/proconsul.mjs", program);
    expect((await run(inTree("app/bin/proconsul"), { args: ["a"] })).said).toMatchObject({
      args: ["a"],
      runtime: "node",
    });
  });

  test("without either, it says what to do", async () => {
    const { code, stderr } = await run(inTree("app/bin/proconsul"));
    expect(stderr).toContain(`cd ${inTree("app")}/node_modules/bun && node install.js`);
    expect(code).toBe(1);
  });
});

test("without dependencies it says what to do", async () => {
  const { code, stderr } = await run(inTree("app/bin/proconsul"));
  expect(stderr).toBe(`proconsul: dependencies are missing; run: cd ${inTree("app")} && npm ci\n`);
  expect(code).toBe(1);
});
