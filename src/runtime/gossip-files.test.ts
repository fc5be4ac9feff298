import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileError } from "../lib/file-error.ts";
import { openKeyringFile, openSnapshotFile, readTextIfThere } from "./gossip-files.ts";

function folder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "gossip-files-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const unexpected = (failure: FileError): void => {
  throw failure;
};

describe("a snapshot", () => {
  test("grows and is replaced in the order of the calls, also across openings", async () => {
    using place = folder();
    const path = join(place.path, "serf/local.snapshot");
    const file = openSnapshotFile(path, unexpected);
    expect(await file.read()).toBe("");
    file.append("a\n");
    file.append("b\n");
    file.replace("c\n");
    file.append("d\n");
    await file.close();
    const again = openSnapshotFile(path, unexpected);
    expect(await again.read()).toBe("c\nd\n");
    again.append("e\n");
    await again.close();
    expect(readFileSync(path, "utf8")).toBe("c\nd\ne\n");
  });

  test("that cannot be written is reported, and does not hold up what follows", async () => {
    using place = folder();
    writeFileSync(join(place.path, "serf"), "");
    const failures: FileError[] = [];
    const file = openSnapshotFile(join(place.path, "serf/local.snapshot"), (failure) =>
      failures.push(failure),
    );
    file.append("a\n");
    file.append("b\n");
    await file.close();
    expect(failures.length).toBe(2);
  });
});

test("a keyring is replaced as a whole and is its owner's only", async () => {
  using place = folder();
  const path = join(place.path, "serf/local.keyring");
  const file = openKeyringFile(path);
  await file.write("[1]");
  await file.write("[2]");
  expect(await readTextIfThere(path)).toBe("[2]");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await readTextIfThere(join(place.path, "none"))).toBeUndefined();
});
