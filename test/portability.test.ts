/** The ways to run the program: the sources, what is built of them, the bundle for Node, the executable by itself. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildApp } from "../tools/build-app.ts";
import { buildBundle, buildExecutable, commitOf } from "../tools/build.ts";
import { startAgent } from "./support/agent-process.ts";

const root = join(import.meta.dirname, "..");
const slowMs = 120_000;

/** Built below the repository, where the bundle finds LMDB, but apart from what `npm run build` leaves. */
let built = "";
/** Far from the repository and its node_modules. */
let elsewhere = "";
/** Folder of the build that the launcher takes. */
let app = "";

beforeAll(async () => {
  mkdirSync(join(root, "dist"), { recursive: true });
  built = mkdtempSync(join(root, "dist/test-"));
  elsewhere = mkdtempSync(join(tmpdir(), "portability-"));
  const options = { entry: join(root, "src/main.ts"), outFolder: built, ...commitOf(root) };
  await buildBundle(options);
  app = await buildApp({ root, entry: options.entry, folder: join(built, "app") });
  copyFileSync(await buildExecutable(options), join(elsewhere, "proconsul"));
  symlinkSync(join(root, "bin/proconsul"), join(elsewhere, "consul"));
}, slowMs);

afterAll(() => {
  for (const folder of [built, elsewhere]) rmSync(folder, { recursive: true, force: true });
});

const ways: readonly { readonly way: string; readonly command: () => readonly [string, ...string[]] }[] = [
  { way: "the sources, through a symlink of another name", command: () => [join(elsewhere, "consul")] },
  { way: "the build of the sources", command: () => [process.execPath, join(app, "main.js")] },
  { way: "the bundle under Node", command: () => ["node", join(built, "proconsul.mjs")] },
  { way: "the executable in a folder of its own", command: () => [join(elsewhere, "proconsul")] },
];

describe.each(ways)("$way", ({ command }) => {
  test(
    "says its version",
    () => {
      const [program, ...before] = command();
      expect(execFileSync(program, [...before, "version"], { encoding: "utf8" })).toMatch(/\d+\.\d+\.\d+/);
    },
    slowMs,
  );

  test(
    "creates certificates",
    () => {
      const [program, ...before] = command();
      const folder = mkdtempSync(join(elsewhere, "tls-"));
      const run = (...args: readonly string[]): string =>
        execFileSync(program, [...before, "tls", ...args], { encoding: "utf8", cwd: folder });
      expect(run("ca", "create")).toContain("==> Saved consul-agent-ca-key.pem\n");
      expect(run("cert", "create", "-server")).toContain("==> Saved dc1-server-consul-0-key.pem\n");
      const [authority, leaf] = ["consul-agent-ca.pem", "dc1-server-consul-0.pem"].map(
        (name) => new X509Certificate(readFileSync(join(folder, name))),
      );
      expect(authority !== undefined && leaf?.verify(authority.publicKey)).toBe(true);
    },
    slowMs,
  );

  test(
    "keeps a value over HTTP and gives it to the command line",
    async () => {
      await using agent = await startAgent(command());
      const url = `${agent.httpUrl}/v1/kv/a%2Fb`;
      const put = await fetch(url, { method: "PUT", body: "kept" });
      expect(await put.text()).toBe("true\n");
      expect(await (await fetch(`${url}?raw`)).text()).toBe("kept");
      const [program, ...before] = command();
      const args = [...before, "kv", "get", `-http-addr=${agent.httpUrl}`, "a/b"];
      expect(execFileSync(program, args, { encoding: "utf8" })).toBe("kept\n");
    },
    slowMs,
  );
});

test("the build of the sources names the launcher as what runs it again", () => {
  // A tree of its own, as npm leaves it: the launcher's place is counted from the build's.
  const tree = mkdtempSync(join(elsewhere, "tree-"));
  const folder = join(tree, "dist/app/build-1");
  cpSync(app, folder, { recursive: true });
  cpSync(join(root, "bin"), join(tree, "bin"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
  writeFileSync(join(tree, ".bashrc"), "");
  const args = [join(folder, "main.js"), "-autocomplete-install"];
  execFileSync(process.execPath, args, { env: { ...process.env, HOME: tree } });
  expect(readFileSync(join(tree, ".bashrc"), "utf8")).toContain(join(tree, "bin/proconsul"));
});
