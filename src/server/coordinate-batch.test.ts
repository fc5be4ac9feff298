import { expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import type { Coordinate } from "../wire/structs/operator.ts";
import { CoordinateUpdates } from "./coordinate-batch.ts";

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const row = (node: string, error = 1, segment = ""): Coordinate => ({
  Node: node,
  Segment: segment,
  Coord: { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: error, Adjustment: 0, Height: 0 },
});

function world(): {
  readonly clock: ManualClock;
  readonly updates: CoordinateUpdates;
  readonly batches: (readonly Coordinate[])[];
  readonly warnings: string[];
} {
  const clock = new ManualClock();
  const batches: (readonly Coordinate[])[] = [];
  const warnings: string[] = [];
  const updates = new CoordinateUpdates({
    consensus: {
      propose: async (bytes, decoded) => {
        expect(bytes[0]).toBe(0x86);
        if (batches.length === 3) throw new Error("node is not the leader");
        batches.push(decoded as readonly Coordinate[]);
      },
    },
    clock,
    log: { ...silentLog, warn: (text) => warnings.push(text) },
    limits: { periodMs: 5_000, batchSizeMax: 2, batchCountMax: 3 },
  });
  return { clock, updates, batches, warnings };
}

test("coordinates wait for the round, the newest of each node and segment", async () => {
  const { clock, updates, batches } = world();
  updates.add(row("a"));
  clock.advance(3_000);
  updates.add(row("b"));
  updates.add(row("a", 2));
  updates.add(row("a", 3, "x"));
  clock.advance(1_999);
  await turns();
  expect(batches).toEqual([]);
  clock.advance(1);
  await turns();
  expect(batches).toEqual([[row("a", 2), row("b")], [row("a", 3, "x")]]);
});

test("more than a round holds is dropped, and a failure ends the round only", async () => {
  const { clock, updates, batches, warnings } = world();
  for (let at = 0; at < 9; at += 1) updates.add(row(`n${at}`));
  clock.advance(5_000);
  await turns();
  expect(batches.map((batch) => batch.length)).toEqual([2, 2, 2]);
  updates.add(row("a"));
  clock.advance(5_000);
  await turns();
  expect(warnings).toEqual(["Discarded coordinate updates", "Batch update failed"]);
});

test("what waits is dropped at the end", async () => {
  const { clock, updates, batches } = world();
  updates.add(row("a"));
  updates[Symbol.dispose]();
  clock.advance(10_000);
  await turns();
  expect(batches).toEqual([]);
});
