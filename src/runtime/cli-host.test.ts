import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { readText } from "../client/http-client.ts";
import type { CliHost } from "../cli/host.ts";
import { FileError } from "../lib/file-error.ts";
import { openCliHost } from "./cli-host.ts";

function host(): CliHost {
  return openCliHost({
    agent: { help: () => "", run: async () => 0 },
    config: {
      validate: async () => ({ kind: "valid", warnings: [] }),
      services: async () => ({ kind: "valid", services: [], warnings: [] }),
    },
  });
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
    expect(await files.list(folder)).toEqual(["0", "a"]);
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
    expect(await failureOf(files.list(path))).toBeInstanceOf(FileError);
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
