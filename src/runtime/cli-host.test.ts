import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readText } from "../client/http-client.ts";
import { FileError, type CliHost } from "../cli/host.ts";
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
    await files.rename(path, `${path}2`);
    expect(await readText(await files.stream(`${path}2`))).toBe("onetwo");
    await files.remove(`${path}2`);
    await files.remove(`${path}2`);
    await expect(files.read(`${path}2`)).rejects.toThrow(
      new FileError(`open ${path}2: no such file or directory`),
    );
    await expect(files.stream(path)).rejects.toBeInstanceOf(FileError);
    await expect(files.write(join(path, "x"), parts())).rejects.toBeInstanceOf(FileError);
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
    await expect(host().files.write(join(folder, "a"), broken())).rejects.toThrow("gone");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("random bytes are as many as asked for", () => {
  expect(host().randomBytes(32).length).toBe(32);
});
