/** What every log store promises; run against each, so that the one in memory stays honest. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { logIndex, term, type LogIndex } from "../../lib/log-index.ts";
import { entryType, type Entry } from "../core/entry.ts";
import type { LogChange, LogCommit, LogStore } from "./log-store.ts";

/** A place that survives closing a store. */
export interface LogStorePlace extends AsyncDisposable {
  open(): Promise<LogStore>;
}

const nothing: LogChange = {
  hardState: undefined,
  restartAfter: undefined,
  truncateFrom: undefined,
  entries: [],
};

/** A change with these parts. */
export function change(parts: Partial<LogChange>): LogChange {
  return { ...nothing, ...parts };
}

/** Entries `from` … `through` whose data tells index and term. */
export function someEntries(from: number, through: number, inTerm = 1): readonly Entry[] {
  return Array.from({ length: through - from + 1 }, (_, at) => ({
    index: logIndex(from + at),
    term: term(inTerm),
    type: entryType.command,
    data: new TextEncoder().encode(`${from + at}@${inTerm}`),
  }));
}

function read(store: LogStore): readonly string[] {
  return store
    .entries(store.firstIndex, store.lastIndex, Number.MAX_SAFE_INTEGER)
    .map((entry) => `${entry.index}:${new TextDecoder().decode(entry.data)}`);
}

const picture = (store: LogStore): unknown => ({
  first: store.firstIndex,
  last: store.lastIndex,
  hard: store.hardState,
  entries: read(store),
});

type MakePlace = () => Promise<LogStorePlace>;

/** The whole suite, for the stores that `makePlace` gives. */
export function logStoreContract(label: string, makePlace: MakePlace): void {
  describe(`log store: ${label}`, () => {
    keeping(makePlace);
    cutting(makePlace);
    test(
      "any sequence of commits leaves what a plain array would hold",
      () => anySequence(makePlace),
      30_000,
    );
  });
}

function keeping(makePlace: MakePlace): void {
  test("a fresh store is empty", async () => {
    await using place = await makePlace();
    const store = await place.open();
    expect(picture(store)).toEqual({
      first: 1,
      last: 0,
      hard: { term: 0, votedFor: undefined },
      entries: [],
    } as never);
    expect(store.termAt(logIndex(0))).toBeUndefined();
    expect(store.termAt(logIndex(1))).toBeUndefined();
    expect(store.entries(logIndex(1), logIndex(9), 100)).toEqual([]);
    await store.close();
  });

  test("what was committed is there after opening again", async () => {
    await using place = await makePlace();
    let store = await place.open();
    const special: Entry = {
      ...someEntries(4, 4, 2)[0]!,
      type: 1,
      data: new Uint8Array(0),
      extensions: Uint8Array.of(8, 1),
    };
    await store.commit({
      changes: [
        change({ hardState: { term: term(2), votedFor: "10.0.0.1:8300" }, entries: someEntries(1, 3) }),
        change({ entries: [special] }),
      ],
    });
    const before = picture(store);
    await store.close();
    store = await place.open();
    expect(picture(store)).toEqual(before as never);
    expect(store.hardState).toEqual({ term: term(2), votedFor: "10.0.0.1:8300" });
    const [back] = store.entries(logIndex(4), logIndex(4), 0);
    expect({ ...back!, data: [...back!.data], extensions: [...back!.extensions!] }).toEqual({
      ...special,
      data: [],
      extensions: [8, 1],
    } as never);
    expect(store.termAt(logIndex(4))).toBe(term(2));
    await store.close();
  });

  test("a vote belongs to its term", async () => {
    await using place = await makePlace();
    let store = await place.open();
    await store.commit({ changes: [change({ hardState: { term: term(2), votedFor: "a" } })] });
    await store.commit({ changes: [change({ hardState: { term: term(3), votedFor: undefined } })] });
    await store.close();
    store = await place.open();
    expect(store.hardState).toEqual({ term: term(3), votedFor: undefined });
    await store.close();
  });

  test("reads stop at the limit of bytes, but give at least one", async () => {
    await using place = await makePlace();
    const store = await place.open();
    await store.commit({ changes: [change({ entries: someEntries(1, 9) })] });
    const indexes = (bytesMax: number): number[] =>
      store.entries(logIndex(2), logIndex(7), bytesMax).map((entry) => entry.index);
    expect(indexes(0)).toEqual([2]);
    expect(indexes(3)).toEqual([2, 3]);
    expect(indexes(1_000)).toEqual([2, 3, 4, 5, 6, 7]);
    await store.close();
  });
}

function cutting(makePlace: MakePlace): void {
  test("a suffix that was cut away stays away", async () => {
    await using place = await makePlace();
    let store = await place.open();
    await store.commit({ changes: [change({ entries: someEntries(1, 5) })] });
    await store.commit({ changes: [change({ truncateFrom: logIndex(3), entries: someEntries(3, 3, 2) })] });
    await store.close();
    store = await place.open();
    expect(read(store)).toEqual(["1:1@1", "2:2@1", "3:3@2"]);
    await store.close();
  });

  test("restarting after a snapshot forgets everything and remembers where to go on", async () => {
    await using place = await makePlace();
    let store = await place.open();
    await store.commit({
      changes: [change({ entries: someEntries(1, 5) }), change({ restartAfter: logIndex(40) })],
    });
    await store.close();
    store = await place.open();
    expect([store.firstIndex, store.lastIndex]).toEqual([logIndex(41), logIndex(40)]);
    await store.commit({ changes: [change({ entries: someEntries(41, 42, 3) })] });
    await store.close();
    store = await place.open();
    expect(read(store)).toEqual(["41:41@3", "42:42@3"]);
    await store.close();
  });

  test("compacting drops the front, even all of it", async () => {
    await using place = await makePlace();
    let store = await place.open();
    await store.commit({ changes: [change({ entries: someEntries(1, 5) })], compactThrough: logIndex(3) });
    expect(read(store)).toEqual(["4:4@1", "5:5@1"]);
    await store.commit({ changes: [], compactThrough: logIndex(2) });
    expect(store.firstIndex).toBe(logIndex(4));
    await store.commit({ changes: [], compactThrough: logIndex(9) });
    await store.close();
    store = await place.open();
    expect([store.firstIndex, store.lastIndex]).toEqual([logIndex(6), logIndex(5)]);
    await store.close();
  });
}

const step = fc.record({
  kind: fc.constantFrom("append", "append", "cut", "restart", "compact", "reopen"),
  size: fc.nat(6),
  at: fc.nat(8),
});
type Step = { readonly kind: string; readonly size: number; readonly at: number };

/** What a store should hold, kept the plain way. */
class Model {
  base = 0;
  entries: Entry[] = [];
  #term = 1;

  /** Takes the steps of one commit and answers them as the store is told. */
  commit(steps: readonly Step[]): LogCommit {
    const changes: LogChange[] = [];
    let compactThrough: LogIndex | undefined;
    for (const one of steps) {
      if (one.kind === "compact") compactThrough = logIndex(this.base + one.at);
      else changes.push(this.#change(one));
    }
    if (compactThrough !== undefined && compactThrough > this.base) {
      const through = Math.min(compactThrough, this.base + this.entries.length);
      this.entries = this.entries.slice(through - this.base);
      this.base = through;
    }
    return { changes, compactThrough };
  }

  #change({ kind, size, at }: Step): LogChange {
    const last = this.base + this.entries.length;
    if (kind === "append") {
      const entries = someEntries(last + 1, last + size, this.#term);
      this.entries.push(...entries);
      return change({ entries });
    }
    if (kind === "cut" && this.entries.length > 0) {
      const from = this.base + 1 + (at % this.entries.length);
      this.#term += 1;
      const entries = someEntries(from, from + size - 1, this.#term);
      this.entries = [...this.entries.slice(0, from - this.base - 1), ...entries];
      return change({ truncateFrom: logIndex(from), entries });
    }
    if (kind !== "restart") return change({});
    this.base = last + at;
    this.entries = [];
    return change({ restartAfter: logIndex(this.base) });
  }
}

async function anySequence(makePlace: MakePlace): Promise<void> {
  const commits = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 6 });
  const holds = fc.asyncProperty(commits, async (all) => {
    await using place = await makePlace();
    let store = await place.open();
    const model = new Model();
    for (const steps of all) {
      await store.commit(model.commit(steps));
      if (steps.some((one) => one.kind === "reopen")) {
        await store.close();
        store = await place.open();
      }
      expect(store.firstIndex as number).toBe(model.base + 1);
      expect(store.lastIndex as number).toBe(model.base + model.entries.length);
      expect(read(store)).toEqual(
        model.entries.map((entry) => `${entry.index}:${new TextDecoder().decode(entry.data)}`),
      );
    }
    await store.close();
  });
  await fc.assert(holds, { numRuns: 60 });
}
