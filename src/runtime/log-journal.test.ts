import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { logIndex, term } from "../lib/log-index.ts";
import { StorageError } from "../lib/storage-error.ts";
import { change, someEntries } from "../raft/node/log-store.contract.ts";
import { entryCodec } from "../raft/node/entry-codec.ts";
import type { LogCommit } from "../raft/node/log-store.ts";
import { openJournal, type OpenedJournal } from "./log-journal.ts";
import { blockBytes, toLoggedCommit, type LoggedCommit } from "./log-journal-record.ts";
import { FaultyDisk, FaultyFile } from "./log-journal-test-kit.ts";

const nonce = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
type Files = readonly [FaultyFile, FaultyFile];

const files = (first: Uint8Array = new Uint8Array(0), second: Uint8Array = new Uint8Array(0)): Files => {
  const disk = new FaultyDisk();
  return [new FaultyFile(disk, first), new FaultyFile(disk, second)];
};

const open = (two: Files, movedThrough = 0): OpenedJournal =>
  openJournal({ files: two, path: "dir", nonce, movedThrough, codec: entryCodec, fullBytes: 3 * blockBytes });

const logged = (commit: LogCommit): LoggedCommit => toLoggedCommit(commit, entryCodec);

/** A commit of one entry with this much data. */
const sized = (index: number, bytes: number): LoggedCommit =>
  logged({
    changes: [
      change({ entries: [{ ...someEntries(index, index)[0]!, data: new Uint8Array(bytes).fill(index) }] }),
    ],
  });

const found = ({ commits }: OpenedJournal): readonly string[] =>
  commits.map(
    ({ sequence, commit }) =>
      `${sequence}: ${commit.changes.flatMap(({ entries }) => entries.map(({ entry }) => `${entry.index}/${entry.data.length}`)).join(" ")}`,
  );

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof StorageError) return `${error.reason}: ${error.message}`;
    throw error;
  }
  return "taken";
}

/** Two records of one block, and a third of two. */
async function three(): Promise<Uint8Array> {
  const two = files();
  const { journal } = open(two);
  for (const commit of [sized(1, 10), sized(2, 3_000), sized(3, 4_100)]) await journal.append(commit);
  return two[0].bytes;
}

test("every kind of operation comes back, in order", async () => {
  const two = files();
  const commit: LogCommit = {
    changes: [
      change({ hardState: { term: term(7), votedFor: "a:8300" }, entries: someEntries(1, 3) }),
      change({ truncateFrom: logIndex(2), entries: someEntries(2, 2, 7) }),
      change({ hardState: { term: term(2 ** 40), votedFor: undefined } }),
      change({ restartAfter: logIndex(2 ** 45) }),
    ],
    compactThrough: logIndex(2),
  };
  await open(two).journal.append(logged(commit));
  const [back] = open(files(two[0].bytes)).commits;
  const plain = back!.commit.changes.map(({ entries, ...rest }) => ({
    ...rest,
    entries: entries.map(({ entry }) => ({ ...entry, data: [...entry.data] })),
  }));
  const entries = (from: number, through: number, inTerm?: number): unknown[] =>
    someEntries(from, through, inTerm).map((entry) => ({ ...entry, data: [...entry.data] }));
  expect(plain as unknown).toEqual([
    change({ hardState: { term: term(7), votedFor: "a:8300" } }),
    { ...change({}), entries: entries(1, 3) },
    change({ truncateFrom: logIndex(2) }),
    { ...change({}), entries: entries(2, 2, 7) },
    change({ hardState: { term: term(2 ** 40), votedFor: undefined } }),
    change({ restartAfter: logIndex(2 ** 45) }),
  ]);
  expect(back!.commit.compactThrough).toBe(logIndex(2));
});

describe("a record that was never finished", () => {
  test.each(["zeros", "an older record"])(
    "is cut off at every byte, with %s behind it",
    async (behind) => {
      const image = await three();
      const start = 2 * blockBytes;
      const head = new DataView(image.buffer, start);
      const length = 32 + head.getUint32(4, true);
      const older = image.slice(0, blockBytes);
      for (let kept = 0; kept < length; kept += 1) {
        const torn = image.slice(0, 5 * blockBytes);
        torn.fill(0, start + kept);
        // What an earlier use of the file left, as far as it was not overwritten.
        if (behind !== "zeros") {
          for (const at of [start, start + blockBytes]) {
            if (at >= start + kept) torn.set(older, at);
            else torn.set(older.subarray(start + kept - at), Math.max(at, start + kept));
          }
        }
        // The last bytes of the record may be zeros themselves.
        if (Buffer.compare(torn, image.subarray(0, torn.length)) === 0) continue;
        const two = files(torn);
        const opened = open(two, behind === "zeros" ? 0 : 1);
        if (opened.journal.sequence !== 2) throw new Error(`cut at ${kept}: ${found(opened).join()}`);
        if (kept % 500 !== 0) continue;
        await opened.journal.append(sized(9, 5));
        expect(found(open(files(two[0].bytes), 1))).toEqual(["2: 2/3000", "3: 9/5"]);
      }
      expect(found(open(files(image)))).toEqual(["1: 1/10", "2: 2/3000", "3: 3/4100"]);
    },
    30_000,
  );
});

describe("a damaged record that was acknowledged is refused", () => {
  test("at every byte of one with another behind it", async () => {
    const image = await three();
    const length = 32 + new DataView(image.buffer, blockBytes).getUint32(4, true);
    const cut = image.slice(0, 5 * blockBytes);
    for (let at = 0; at < length; at += 1) {
      cut[blockBytes + at]! ^= 0x10;
      const text = refusal(() => open(files(cut)));
      if (!text.startsWith("corrupt: the journal of the raft log in dir is damaged"))
        throw new Error(`${at}: ${text}`);
      cut[blockBytes + at]! ^= 0x10;
    }
    expect(found(open(files(cut)))).toHaveLength(3);
  });

  test("at the end or beginning of a file that the other one follows", async () => {
    const two = files();
    const { journal } = open(two);
    for (let n = 1; n <= 3; n += 1) await journal.append(sized(n, 10));
    expect(journal.isFull).toBe(true);
    journal.rotate();
    await journal.append(sized(4, 10));
    expect(found(open(two))).toHaveLength(4);
    for (const record of [0, 1, 2]) {
      const bytes = two[0].bytes.slice();
      bytes[record * blockBytes + 40]! ^= 1;
      const text = refusal(() => open(files(bytes, two[1].bytes)));
      expect(text).toStartWith("corrupt: the journal of the raft log in dir is damaged");
    }
    expect(refusal(() => open(files(new Uint8Array(0), two[1].bytes)))).toBe(
      "corrupt: the journal of the raft log in dir is damaged: commits 1 to 3 are missing",
    );
    // Once LMDB has them it does not matter.
    expect(found(open(files(new Uint8Array(0), two[1].bytes), 3))).toEqual(["4: 4/10"]);
  });
});

test("records of another store, and values that look like records, are none", async () => {
  const image = await three();
  const other = openJournal({
    files: files(image),
    path: "dir",
    nonce: new Uint8Array(8),
    movedThrough: 0,
    codec: entryCodec,
  });
  expect(found(other)).toEqual([]);
});

test("a large commit makes its file grow for as long as it is in use", async () => {
  const two = files();
  const { journal } = open(two);
  await journal.append(sized(1, 3_000_000));
  expect([two[0].size, journal.isFull]).toEqual([3 * 1_048_576, true]);
  journal.rotate();
  for (let n = 2; n <= 4; n += 1) await journal.append(sized(n, 10));
  expect(found(open(two))).toHaveLength(4);
  journal.moved(1);
  journal.rotate();
  expect(two[0].size).toBe(3 * blockBytes);
  await journal.append(sized(5, 10));
  expect(found(open(two, 1))).toEqual(["2: 2/10", "3: 3/10", "4: 4/10", "5: 5/10"]);
});

test("whatever was appended and not moved is there after opening again", async () => {
  const step = fc.record({
    bytes: fc.integer({ min: 0, max: 9_000 }),
    move: fc.nat(4),
    reopen: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      let two = files();
      let { journal } = open(two);
      let moved = 0;
      const all: string[] = [];
      for (const { bytes, move, reopen } of steps) {
        if (journal.isFull) {
          const through = journal.sealedThrough;
          if (through !== undefined) {
            moved = through;
            journal.moved(through);
          }
          journal.rotate();
        }
        await journal.append(sized(all.length + 1, bytes));
        all.push(`${all.length + 1}: ${all.length + 1}/${bytes}`);
        moved = Math.max(moved, Math.min(all.length, moved + move - 2));
        journal.moved(moved);
        if (!reopen) continue;
        two = files(two[0].bytes.slice(), two[1].bytes.slice());
        const opened = open(two, moved);
        journal = opened.journal;
        expect(found(opened)).toEqual(all.slice(moved));
      }
    }),
    { numRuns: 60 },
  );
});
