import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../lib/log.ts";
import { logIndex, term } from "../lib/log-index.ts";
import { change, logStoreContract, someEntries } from "../raft/node/log-store.contract.ts";
import { entryCodec } from "../raft/node/entry-codec.ts";
import type { LogStore } from "../raft/node/log-store.ts";
import { StorageError, type StorageFailure } from "../lib/storage-error.ts";
import { openLmdbLogStore, toLogStoreError } from "./lmdb-log-store.ts";

function temporary(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "raft-log-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const open = (path: string): Promise<LogStore> =>
  openLmdbLogStore({ path, codec: entryCodec, log: silentLog });

logStoreContract("LMDB", () => {
  const place = temporary();
  const dispose = (): Promise<void> => Promise.resolve(place[Symbol.dispose]());
  return Promise.resolve({ open: () => open(place.path), [Symbol.asyncDispose]: dispose });
});

async function failure(promise: Promise<unknown>): Promise<StorageError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StorageError) return error;
  }
  throw new Error("it should have failed");
}

describe("opening", () => {
  test("a directory in use is refused and says so", async () => {
    using place = temporary();
    const store = await open(place.path);
    const error = await failure(open(place.path));
    expect(error.reason).toBe("locked");
    expect(error.message).toContain("another process uses the raft log");
    await store.close();
    await (await open(place.path)).close();
  });

  test("a place that cannot be a directory is refused and named", async () => {
    using place = temporary();
    writeFileSync(join(place.path, "file"), "");
    const error = await failure(open(join(place.path, "file", "raft")));
    expect(error.message).toContain(place.path);
  });

  test("a file that is no database is refused", async () => {
    using place = temporary();
    writeFileSync(join(place.path, "data.mdb"), new Uint8Array(40_000).fill(9));
    expect((await failure(open(place.path))).reason).toBe("corrupt");
  });
});

test.each<{ text: string; reason: StorageFailure }>([
  { text: "No space left on device", reason: "full" },
  { text: "MDB_MAP_FULL: Environment mapsize limit reached", reason: "full" },
  { text: "Read-only file system", reason: "read-only" },
  { text: "MDB_CORRUPTED: Located page was wrong type", reason: "corrupt" },
  { text: "something else", reason: "failed" },
])("$text is $reason", ({ text, reason }) => {
  expect(toLogStoreError(new Error(text), "dir").reason).toBe(reason);
});

describe("a crash in the middle of a commit", () => {
  test("whose meta page never reached the disk leaves the commit before it, whole", async () => {
    using place = temporary();
    const file = join(place.path, "data.mdb");
    let store = await open(place.path);
    await store.commit({
      changes: [change({ hardState: { term: term(3), votedFor: "a" }, entries: someEntries(1, 50) })],
    });
    copyFileSync(file, join(place.path, "before"));
    await store.commit({
      changes: [change({ hardState: { term: term(4), votedFor: "b" }, entries: someEntries(51, 99) })],
    });
    const after = readFileSync(file);
    await store.close();
    // The pages of the second commit are there, its meta page is not, and the tail is torn.
    const before = readFileSync(join(place.path, "before"));
    before.copy(after, 0, 0, 8_192);
    after.fill(0xee, Math.max(before.length, after.length - 3_000));
    writeFileSync(file, after);
    store = await open(place.path);
    expect([store.firstIndex, store.lastIndex]).toEqual([logIndex(1), logIndex(50)]);
    expect(store.hardState).toEqual({ term: term(3), votedFor: "a" });
    expect(store.entries(logIndex(1), logIndex(50), 1e9)).toHaveLength(50);
    await store.commit({ changes: [change({ entries: someEntries(51, 52, 5) })] });
    expect(store.termAt(logIndex(52))).toBe(term(5));
    await store.close();
  });

  test("a torn meta page falls back on the one before", async () => {
    using place = temporary();
    const file = join(place.path, "data.mdb");
    let store = await open(place.path);
    for (let at = 1; at <= 6; at += 1)
      await store.commit({ changes: [change({ entries: someEntries(at, at) })] });
    const image = readFileSync(file);
    await store.close();
    const pages = [0, 4_096].map((start) => ({ start, txn: image.readBigUInt64LE(start + 24 + 120) }));
    const newest = pages.reduce((a, b) => (a.txn > b.txn ? a : b));
    image.fill(0, newest.start, newest.start + 4_096);
    writeFileSync(file, image);
    const error = await open(place.path).then(
      async (opened) => {
        store = opened;
        expect(store.lastIndex).toBeGreaterThanOrEqual(logIndex(5));
        await store.close();
        return undefined;
      },
      (reason: unknown) => reason,
    );
    if (error !== undefined) expect(error).toBeInstanceOf(StorageError);
  });
});

test("large commits take the other way and are as durable", async () => {
  using place = temporary();
  let store = await open(place.path);
  const data = new Uint8Array(1_500_000).fill(5);
  await store.commit({
    changes: [change({ entries: [{ ...someEntries(1, 1)[0]!, data }, ...someEntries(2, 3)] })],
  });
  await store.close();
  store = await open(place.path);
  expect(store.entries(logIndex(1), logIndex(1), 0)[0]?.data.length).toBe(1_500_000);
  expect(store.lastIndex).toBe(logIndex(3));
  await store.close();
});
