import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { readText } from "../client/http-client.ts";
import type { ChildSpec, CliHost, RunningChild } from "../cli/host.ts";
import { FileError } from "../lib/file-error.ts";
import { openCliHost } from "./cli-host.ts";

/** One for all: each listens to the standard streams. */
const theHost = openCliHost({
  agent: { help: () => "", run: async () => 0 },
  config: {
    validate: async () => ({ kind: "valid", warnings: [] }),
    services: async () => ({ kind: "valid", services: [], warnings: [] }),
  },
});

function host(): CliHost {
  return theHost;
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return { succeeded: await work };
  } catch (error) {
    return error;
  }
}

async function* parts(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

test("files are written for their owner only, read, streamed, renamed and removed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cli-host-"));
  const { files } = host();
  const path = join(folder, "a");
  try {
    await files.write(path, parts("one", "", "two"));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(new TextDecoder().decode(await files.read(path))).toBe("onetwo");
    await files.write(join(folder, "0"), parts());
    await files.makeFolder(join(folder, "b/c"));
    await files.write(join(folder, "b/c/d"), parts());
    expect(await files.listTree(folder)).toEqual(["0", "a", "b/c/d"].map((name) => join(folder, name)));
    await files.rename(path, `${path}2`);
    expect(await readText(await files.stream(`${path}2`))).toBe("onetwo");
    await files.remove(`${path}2`);
    await files.remove(`${path}2`);
    expect(await failureOf(files.read(`${path}2`))).toMatchObject({
      code: "file",
      message: `open ${path}2: no such file or directory`,
    });
    expect(await failureOf(files.stream(path))).toBeInstanceOf(FileError);
    expect(await failureOf(files.write(join(path, "x"), parts()))).toBeInstanceOf(FileError);
    expect(await failureOf(files.listTree(`${path}/none`))).toBeInstanceOf(FileError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is written when the source breaks off is told by the source's error", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cli-host-"));
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield* parts("one");
    throw new FileError("gone");
  }
  try {
    expect(await failureOf(host().files.write(join(folder, "a"), broken()))).toMatchObject({
      code: "file",
      message: "gone",
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("files grow, folders come and go", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cli-host-"));
  const { files } = host();
  try {
    const path = join(folder, "a", "b");
    expect(await files.exists(path)).toBe(false);
    await files.makeFolder(path);
    await files.makeFolder(path);
    await files.write(join(path, "f"), parts("one"));
    await files.append(join(path, "f"), "two");
    expect(new TextDecoder().decode(await files.read(join(path, "f")))).toBe("onetwo");
    await files.removeTree(join(folder, "a"));
    await files.removeTree(join(folder, "a"));
    expect(await files.exists(join(folder, "a"))).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("children", () => {
  const none = { kind: "none" } as const;
  const run = (argv: readonly string[], stdin: ChildSpec["stdin"] = none): Promise<RunningChild> =>
    host().spawn({ argv, env: { CHILD_TEST: "3" }, stdin });

  test("end with a code or by a signal, which has Go's name", async () => {
    expect(await (await run(["sh", "-c", "exit $CHILD_TEST"])).ended).toEqual({ kind: "exit", code: 3 });
    const child = await run(["sleep", "60"]);
    expect(child.pid).toBeGreaterThan(1);
    child.signal("SIGTERM");
    expect(await child.ended).toEqual({ kind: "signal", signal: "terminated" });
    child.signal("SIGKILL");
  });

  test("read what they are given, all or a part of it", async () => {
    const bytes = new Uint8Array(300_000).fill(65);
    const reads = await run(["sh", "-c", 'test "$(wc -c)" -eq 300000'], { kind: "bytes", bytes });
    expect(await reads.ended).toEqual({ kind: "exit", code: 0 });
    const leaves = await run(["true"], { kind: "bytes", bytes });
    expect(await leaves.ended).toEqual({ kind: "exit", code: 0 });
    expect(await (await run(["sh", "-c", "! read line"])).ended).toEqual({ kind: "exit", code: 0 });
  });

  test.each([
    [["no-such-program"], 'exec: "no-such-program": executable file not found in $PATH'],
    [["/no/such"], "fork/exec /no/such: no such file or directory"],
    [["/etc/passwd"], "fork/exec /etc/passwd: permission denied"],
    [[], "need an executable to run"],
  ])("%j cannot be started", async (argv, message) => {
    expect(await failureOf(run(argv))).toMatchObject({ code: "child", message });
  });
});

test("a port is open or not", async () => {
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1", () => resolve());
  await listening;
  const { port } = server.address() as AddressInfo;
  expect(await host().canConnect({ host: "localhost", port }, 5_000)).toBe(true);
  await new Promise((closed) => server.close(closed));
  expect(await host().canConnect({ host: "127.0.0.1", port }, 5_000)).toBe(false);
  expect(await host().canConnect({ host: "no.such.invalid", port }, 5_000)).toBe(false);
});

test("random bytes are as many as asked for", () => {
  expect(host().randomBytes(32).length).toBe(32);
});

test("what was written has left the process once flush resolves, however slow its reader is", async () => {
  const source = `
    import { openCliHost } from ${JSON.stringify(join(import.meta.dirname, "cli-host.ts"))};
    const host = openCliHost({});
    host.stdout.write(new Uint8Array(2_000_000).fill(65));
    host.stdout.write("");
    host.stderr.write("told");
    await host.flush();
    process.exit();
  `;
  const child = spawn(process.execPath, ["-e", source], { stdio: ["ignore", "pipe", "pipe"] });
  // By the time the second stream speaks, the first has long filled its pipe.
  const [told] = (await once(child.stderr, "data")) as [Uint8Array];
  const whole = await text(child.stdout);
  expect([new TextDecoder().decode(told), whole.length]).toEqual(["told", 2_000_000]);
});
