/** Power goes at every step of journal and LMDB: what was acknowledged is there, what was not is whole or absent. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../lib/log.ts";
import { logIndex, term } from "../lib/log-index.ts";
import { StorageError } from "../lib/storage-error.ts";
import { change, logStoreContract, someEntries } from "../raft/node/log-store.contract.ts";
import { entryCodec } from "../raft/node/entry-codec.ts";
import type { LogCommit, LogStore } from "../raft/node/log-store.ts";
import { MemoryLogStore } from "../raft/node/memory-log-store.ts";
import { LmdbLogTable, type LogTable } from "./lmdb-log-table.ts";
import { openJournaledLogStore } from "./lmdb-log-store.ts";
import { FaultyDisk, FaultyFile, PowerLoss } from "./log-journal-test-kit.ts";
import type { LogPlan } from "./log-plan.ts";

const nonce = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function temporary(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "raft-crash-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** LMDB on a disk that may lose its power before a transaction, or between its end and the news of it. */
function faultyTable(table: LmdbLogTable, disk: FaultyDisk): LogTable {
  return {
    get firstIndex() {
      return table.firstIndex;
    },
    get lastIndex() {
      return table.lastIndex;
    },
    get hardState() {
      return table.hardState;
    },
    get movedThrough() {
      return table.movedThrough;
    },
    encodedEntry: (index) => table.encodedEntry(index),
    apply: async (plan: LogPlan, sequence: number) => {
      if (disk.step() < 1) throw new PowerLoss();
      await table.apply(plan, sequence);
      if (disk.step() < 1) throw new PowerLoss();
    },
    close: () => table.close(),
  };
}

interface Place {
  readonly path: string;
  files: readonly [FaultyFile, FaultyFile];
}

/** A store whose files are full after two blocks, so that it turns from one to the other all the time. */
function openOn(place: Place, disk: FaultyDisk, spaceBytes?: number): LogStore {
  const [a, b] = place.files;
  place.files = [new FaultyFile(disk, a.bytes, spaceBytes), new FaultyFile(disk, b.bytes, spaceBytes)];
  return openJournaledLogStore({
    path: place.path,
    codec: entryCodec,
    log: silentLog,
    table: faultyTable(new LmdbLogTable(place.path), disk),
    files: place.files,
    nonce,
    fullBytes: 8_192,
    release: () => undefined,
  });
}

const empty = (): Place["files"] => [new FaultyFile(new FaultyDisk()), new FaultyFile(new FaultyDisk())];

logStoreContract("LMDB behind a journal of two blocks", () => {
  const folder = temporary();
  const place: Place = { path: folder.path, files: empty() };
  return Promise.resolve({
    open: () => Promise.resolve(openOn(place, new FaultyDisk())),
    [Symbol.asyncDispose]: () => Promise.resolve(folder[Symbol.dispose]()),
  });
});

/** Everything that a log goes through; `compactThrough` reaches entries in LMDB, in the journal, and in both. */
const script: readonly LogCommit[] = [
  { changes: [change({ hardState: { term: term(1), votedFor: "a" } })] },
  { changes: [change({ entries: someEntries(1, 4) })] },
  { changes: [change({ entries: someEntries(5, 6) }), change({ entries: someEntries(7, 9) })] },
  { changes: [change({ hardState: { term: term(2), votedFor: undefined } })] },
  { changes: [change({ truncateFrom: logIndex(8), entries: someEntries(8, 12, 2) })] },
  { changes: [], compactThrough: logIndex(3) },
  { changes: [change({ entries: someEntries(13, 14, 2) })], compactThrough: logIndex(8) },
  { changes: [change({ truncateFrom: logIndex(10), entries: someEntries(10, 10, 3) })] },
  { changes: [change({ entries: someEntries(11, 15, 3) })], compactThrough: logIndex(13) },
  { changes: [change({ restartAfter: logIndex(40) })] },
  { changes: [change({ hardState: { term: term(4), votedFor: "b" }, entries: someEntries(41, 43, 4) })] },
  { changes: [change({ entries: someEntries(44, 45, 4) })], compactThrough: logIndex(45) },
  { changes: [change({ entries: someEntries(46, 47, 4) })] },
];

const picture = (store: LogStore): string =>
  JSON.stringify({
    first: store.firstIndex,
    last: store.lastIndex,
    hard: store.hardState,
    entries: store
      .entries(store.firstIndex, store.lastIndex, Number.MAX_SAFE_INTEGER)
      .map((entry) => `${entry.index}:${entry.term}:${new TextDecoder().decode(entry.data)}`),
  });

/** What the log is after none, one, … all commits of the script. */
async function pictures(): Promise<readonly string[]> {
  const model = new MemoryLogStore();
  const all = [picture(model)];
  for (const commit of script) {
    await model.commit(commit);
    all.push(picture(model));
  }
  return all;
}

/** Commits from the `from`th on until power goes; how many were acknowledged in all. */
async function run(store: LogStore, from: number): Promise<number> {
  let acknowledged = from;
  try {
    for (const commit of script.slice(from)) {
      await store.commit(commit);
      acknowledged += 1;
    }
    await store.close();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    // A dead process closes nothing; here LMDB must be closed to be opened again.
    await store.close();
  }
  return acknowledged;
}

describe("power that goes", () => {
  test.each([0, 0.01, 0.5, 0.999])(
    "at every step, with %d of the step's bytes on the disk",
    async (keptShare) => {
      const expected = await pictures();
      let stepCount = 0;
      for (let deadAt = 1; ; deadAt += 1) {
        using folder = temporary();
        const place: Place = { path: folder.path, files: empty() };
        const disk = new FaultyDisk(deadAt, keptShare);
        let acknowledged = await run(openOn(place, disk), 0);
        // And again while it recovers, two steps later.
        for (const again of [2, Number.POSITIVE_INFINITY]) {
          const store = openOn(place, new FaultyDisk(again, keptShare));
          const found = expected.lastIndexOf(picture(store));
          const seen = {
            deadAt,
            acknowledged,
            isThere: found >= acknowledged,
            isNoMore: found <= acknowledged + 1,
          };
          expect(seen).toEqual({ deadAt, acknowledged, isThere: true, isNoMore: true });
          acknowledged = await run(store, found);
        }
        expect(acknowledged).toBe(script.length);
        const store = openOn(place, new FaultyDisk());
        expect(picture(store)).toBe(expected.at(-1)!);
        await store.close();
        stepCount = disk.steps;
        if (disk.steps < deadAt) break;
      }
      expect(stepCount).toBeGreaterThan(20);
    },
    60_000,
  );
});

test("a full disk is named, stays named, and loses nothing that was acknowledged", async () => {
  using folder = temporary();
  const place: Place = { path: folder.path, files: empty() };
  const expected = await pictures();
  const store = openOn(place, new FaultyDisk(), 5_000);
  let acknowledged = 0;
  const errors: string[] = [];
  for (const commit of script.slice(0, 4)) {
    try {
      await store.commit(commit);
      acknowledged += 1;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      errors.push(`${error.reason}: ${error.message}`);
    }
  }
  const text = `full: no space left for the raft log in ${place.path}`;
  expect([acknowledged, errors]).toEqual([0, [text, text, text, text]]);
  await store.close();
  const again = openOn(place, new FaultyDisk());
  const found = expected.indexOf(picture(again));
  expect([0, 1]).toContain(found);
  expect(await run(again, found)).toBe(script.length);
});

test("entries that are replaced while their elders are on the way to LMDB stay the new ones", async () => {
  using folder = temporary();
  const table = new LmdbLogTable(folder.path);
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const held: LogTable = {
    ...faultyTable(table, new FaultyDisk()),
    firstIndex: table.firstIndex,
    lastIndex: table.lastIndex,
    hardState: table.hardState,
    movedThrough: table.movedThrough,
    apply: async (plan, sequence) => {
      await gate;
      await table.apply(plan, sequence);
    },
  };
  const files = empty();
  const parts = { path: folder.path, codec: entryCodec, log: silentLog, files, nonce };
  const store = openJournaledLogStore({ ...parts, table: held, fullBytes: 8_192, release: () => undefined });
  const terms = (): unknown[] => [2, 3, 4, 5].map((index) => store.termAt(logIndex(index)));
  await store.commit({ changes: [change({ entries: someEntries(1, 3) })] });
  await store.commit({ changes: [change({ entries: someEntries(4, 5) })] });
  // The first file is full: its commits are on the way, and held at the gate.
  await store.commit({ changes: [change({ truncateFrom: logIndex(3), entries: someEntries(3, 4, 2) })] });
  const wanted: unknown[] = [1, 2, 2, undefined];
  expect(terms()).toEqual(wanted);
  release();
  while (table.lastIndex !== logIndex(5)) await new Promise((turn) => setImmediate(turn));
  await new Promise((turn) => setImmediate(turn));
  expect(terms()).toEqual(wanted);
  await store.commit({ changes: [change({ entries: someEntries(5, 5, 3) })] });
  expect(terms()).toEqual([1, 2, 2, 3]);
  await table.close();
});
