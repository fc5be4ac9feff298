/** The log against an obvious one: an array, with the disk played by hand. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { logIndex, term, type LogIndex } from "../../lib/log-index.ts";
import type { LogWrite } from "./effects.ts";
import type { Entry } from "./entry.ts";
import { defaultRaftOptions } from "./options.ts";
import { RaftLog } from "./raft-log.ts";
import { commands, TestLog } from "./test-cluster.ts";

const nothing = { index: logIndex(0), term: term(0) };
const entryAt = (index: number, inTerm: number): Entry => ({
  index: logIndex(index),
  term: term(inTerm),
  type: 0,
  data: Uint8Array.of(index & 0xff, inTerm),
});

test("what a later write cuts away is not durable when an earlier one is done", () => {
  const log = new RaftLog(new TestLog(), nothing, defaultRaftOptions);
  for (const entry of commands(1, 1, 1)) log.append(entry);
  log.takeDelta(1);
  log.truncateFrom(logIndex(2));
  log.append(entryAt(2, 2));
  expect(log.takeDelta(2)).toEqual({
    restartAfter: undefined,
    truncateFrom: logIndex(2),
    entries: [entryAt(2, 2)],
  });
  log.written(1);
  expect(log.durableIndex).toBe(logIndex(1));
  log.written(2);
  expect(log.durableIndex).toBe(logIndex(2));
});

test("what is cut before it was handed out never reaches the disk", () => {
  const log = new RaftLog(new TestLog(), nothing, defaultRaftOptions);
  for (const entry of commands(1, 1, 1)) log.append(entry);
  log.truncateFrom(logIndex(2));
  expect(log.takeDelta(1)).toEqual({
    restartAfter: undefined,
    truncateFrom: undefined,
    entries: commands(1),
  });
});

interface Model {
  readonly log: RaftLog;
  readonly disk: TestLog;
  entries: Entry[];
  first: number;
  markIndex: number;
  writes: LogWrite[];
  token: number;
  term: number;
}

type Step = { readonly kind: string; readonly size: number };

function play(model: Model, { kind, size }: Step): void {
  const last = model.first + model.entries.length - 1;
  if (kind === "append") {
    for (let at = 1; at <= size; at += 1) {
      const entry = entryAt(last + at, model.term);
      model.log.append(entry);
      model.entries.push(entry);
    }
  } else if (kind === "cut") {
    const from = Math.max(last - size, model.markIndex + 1, model.first);
    if (from > last) return;
    model.term += 1;
    model.log.truncateFrom(logIndex(from));
    model.entries.length = from - model.first;
  } else if (kind === "write" && model.log.isDirty) {
    model.token += 1;
    model.writes.push({ token: model.token, hardState: undefined, ...model.log.takeDelta(model.token) });
  } else if (kind === "sync") {
    for (const write of model.writes.splice(0, size)) {
      model.disk.write(write);
      model.log.written(write.token);
    }
  } else if (kind === "snapshot") {
    const through = Math.min(model.log.durableIndex, model.markIndex + size);
    const markTerm = model.log.termAt(logIndex(through));
    if (through <= model.markIndex || markTerm === undefined || model.writes.length > 0) return;
    model.markIndex = through;
    model.log.setMark({ index: logIndex(through), term: markTerm });
    model.log.compact(logIndex(through));
    model.disk.compact(logIndex(through));
    model.entries = model.entries.slice(through + 1 - model.first);
    model.first = through + 1;
  } else if (kind === "restart") {
    model.markIndex = last + size;
    model.log.restart({ index: logIndex(model.markIndex), term: term(model.term) });
    model.entries = [];
    model.first = model.markIndex + 1;
  }
}

test("whatever happens to it, it reads like an array", () => {
  const kind = fc.constantFrom(
    "append",
    "append",
    "append",
    "cut",
    "write",
    "write",
    "sync",
    "sync",
    "snapshot",
    "restart",
  );
  const steps = fc.array(fc.record({ kind, size: fc.integer({ min: 1, max: 6 }) }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.constantFrom(0, 3, 100), (list, windowEntriesMax) => {
      const disk = new TestLog();
      const log = new RaftLog(disk, nothing, { ...defaultRaftOptions, windowEntriesMax });
      const model: Model = { log, disk, entries: [], first: 1, markIndex: 0, writes: [], token: 0, term: 1 };
      for (const step of list) {
        play(model, step);
        expect(log.problems()).toEqual([]);
        expect([log.firstIndex, log.lastIndex]).toEqual([
          model.first,
          model.first + model.entries.length - 1,
        ] as LogIndex[]);
        expect(readAll(log)).toEqual(model.entries);
      }
      play(model, { kind: "write", size: 1 });
      play(model, { kind: "sync", size: 1_000 });
      expect(disk.entries(disk.firstIndex, disk.lastIndex, 1e9)).toEqual(model.entries);
      expect(log.durableIndex).toBe(log.lastIndex);
    }),
    { numRuns: 300 },
  );
});

function readAll(log: RaftLog): Entry[] {
  const found: Entry[] = [];
  for (let from: number = log.firstIndex; from <= log.lastIndex; from += 1) {
    const [entry] = log.entries(logIndex(from), log.lastIndex, 3);
    if (entry !== undefined) found.push(entry);
  }
  return found;
}
