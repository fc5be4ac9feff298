import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../lib/log.ts";
import { logIndex, term } from "../lib/log-index.ts";
import { change, logStoreContract, someEntries } from "../raft/node/log-store.contract.ts";
import { open as openLmdb } from "lmdb";
import { entryCodec } from "../raft/node/entry-codec.ts";
import type { LogStore } from "../raft/node/log-store.ts";
import { StorageError, type StorageFailure } from "../lib/storage-error.ts";
import { openLmdbLogStore } from "./lmdb-log-store.ts";
import { toLogStoreError } from "./log-store-error.ts";

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

describe("damage to data.mdb", () => {
  test("a move to it whose meta page never reached the disk is made again from the journal", async () => {
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
    await store.close();
    // The pages of the move are there, its meta page is not, and the tail is torn.
    const after = readFileSync(file);
    const before = readFileSync(join(place.path, "before"));
    before.copy(after, 0, 0, 8_192);
    after.fill(0xee, Math.max(before.length, after.length - 3_000));
    writeFileSync(file, after);
    store = await open(place.path);
    expect([store.firstIndex, store.lastIndex]).toEqual([logIndex(1), logIndex(99)]);
    expect(store.hardState).toEqual({ term: term(4), votedFor: "b" });
    expect(store.entries(logIndex(1), logIndex(99), 1e9)).toHaveLength(99);
    await store.commit({ changes: [change({ entries: someEntries(100, 101, 5) })] });
    expect(store.termAt(logIndex(101))).toBe(term(5));
    await store.close();
  });

  test("a torn meta page falls back on the one before", async () => {
    using place = temporary();
    const file = join(place.path, "data.mdb");
    let store = await open(place.path);
    for (let at = 1; at <= 6; at += 1) {
      await store.commit({ changes: [change({ entries: someEntries(at, at) })] });
      await store.close();
      store = await open(place.path);
    }
    await store.close();
    const image = readFileSync(file);
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

test("a directory from before there was a journal opens unchanged", async () => {
  using place = temporary();
  const before = openLmdb({ path: place.path, maxDbs: 2, noSubdir: false, pageSize: 4_096 });
  const logs = before.openDB<Uint8Array, number>({ name: "logs", encoding: "binary" });
  const conf = before.openDB<Uint8Array, string>({ name: "conf", encoding: "binary" });
  const old = someEntries(4, 6);
  const encoded = entryCodec.encodeAll(old);
  for (const [at, entry] of old.entries()) await logs.put(entry.index, encoded[at]!);
  const number = (value: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, value);
  await conf.put("LogBase", number(3));
  await conf.put("CurrentTerm", number(2));
  await conf.put("LastVoteTerm", number(2));
  await conf.put("LastVoteCand", new TextEncoder().encode("a:8300"));
  await before.close();
  let store = await open(place.path);
  expect([store.firstIndex, store.lastIndex]).toEqual([logIndex(4), logIndex(6)]);
  expect(store.hardState).toEqual({ term: term(2), votedFor: "a:8300" });
  await store.commit({ changes: [change({ entries: someEntries(7, 7, 2) })] });
  await store.close();
  store = await open(place.path);
  expect(store.entries(logIndex(4), logIndex(7), 1e9)).toEqual([
    ...someEntries(4, 6),
    ...someEntries(7, 7, 2),
  ]);
  await store.close();
});

test("a journal whose data.mdb was removed is refused, not forgotten", async () => {
  using place = temporary();
  const store = await open(place.path);
  await store.commit({ changes: [change({ entries: someEntries(1, 3) })] });
  await store.close();
  rmSync(join(place.path, "data.mdb"));
  const error = await failure(open(place.path));
  expect([error.reason, error.message.includes("belongs to another data.mdb")]).toEqual(["corrupt", true]);
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
