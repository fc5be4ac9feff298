import { expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
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
    await files.writeSoft("checks/state", "c", "a long state");
    await Promise.all(["x".repeat(5000), "state"].map((text) => files.writeSoft("checks/state", "c", text)));
    await files.write("checks", "c", "check");
    expect(await files.list("services")).toEqual(["two"]);
    expect(await files.list("checks")).toEqual(["check"]);
    expect(await files.read("checks/state", "c")).toBe("state");
    // SHA-256 of "web".
    expect(await readdir(join(folder, "services"))).toEqual([
      new Bun.CryptoHasher("sha256").update("web").digest("hex"),
    ]);
    await files.writeSoft("checks/state", "c", "y".repeat(5000));
    expect(await files.read("checks/state", "c")).toBe("y".repeat(5000));
    await files.writeSoft("checks/state", "c", "short again");
    expect(await files.read("checks/state", "c")).toBe("short again");
    // Acts on one file keep their order, whatever they wait for.
    await Promise.all([
      files.write("services", "web", "three"),
      files.remove("services", "web"),
      files.writeSoft("checks/state", "c", "late"),
      files.remove("checks/state", "c"),
    ]);
    await files.remove("services", "web");
    expect(await files.read("services", "web")).toBeUndefined();
    expect(await files.read("checks/state", "c")).toBeUndefined();
    // Listing, which comes first in a run, takes what an earlier run left aside.
    await openAgentFiles(folder).list("services");
    expect((await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("removed files are used again, and what is written into them is whole", async () => {
  const folder = await mkdtemp(join(tmpdir(), "agent-files-"));
  try {
    const files = openAgentFiles(folder);
    const path = (id: string): string =>
      join(folder, "services", new Bun.CryptoHasher("sha256").update(id).digest("hex"));
    for (let i = 0; i < 200; i += 1) {
      const text = JSON.stringify({ id: i, fill: "x".repeat(i % 7 === 0 ? 5000 : i) });
      await files.write("services", `s${i}`, text);
      expect(await files.read("services", `s${i}`)).toBe(text);
      expect((await stat(path(`s${i}`))).size).toBe(Math.max(4096, text.length));
      await files.remove("services", `s${i}`);
      expect(await files.list("checks")).toEqual([]);
      expect(await files.read("services", `s${i}`)).toBeUndefined();
    }
    const left = await readdir(join(folder, "services"));
    expect(left.length).toBeLessThanOrEqual(64);
    expect(left.every((name) => name.endsWith(".tmp"))).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});
