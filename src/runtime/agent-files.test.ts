import { expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAgentFiles } from "./agent-files.ts";

test("files are named by hash, replaced whole and listed by kind", async () => {
  const folder = await mkdtemp(join(tmpdir(), "agent-files-"));
  try {
    const files = openAgentFiles(folder);
    expect(await files.list("services")).toEqual([]);
    await files.write("services", "web", "one");
    await files.write("services", "web", "two");
    await files.write("checks/state", "c", "state");
    await files.write("checks", "c", "check");
    expect(await files.list("services")).toEqual(["two"]);
    expect(await files.list("checks")).toEqual(["check"]);
    expect(await files.read("checks/state", "c")).toBe("state");
    // SHA-256 of "web".
    expect(await readdir(join(folder, "services"))).toEqual([
      new Bun.CryptoHasher("sha256").update("web").digest("hex"),
    ]);
    await files.remove("services", "web");
    await files.remove("services", "web");
    expect(await files.read("services", "web")).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true });
  }
});
