import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pushPullScaledMs, retransmitLimit, suspicionMinMs } from "./scaling.ts";
import { suspicionMs } from "./suspicion.ts";

test.each([
  [0, 0],
  [1, 4],
  [9, 4],
  [10, 8],
  [99, 8],
  [100, 12],
  [10_000, 20],
])("news among %i nodes is sent %i times at most", (nodeCount, limit) => {
  expect(retransmitLimit(4, nodeCount)).toBe(limit);
});

test.each([
  [0, 4_000],
  [10, 4_000],
  [50, 6_792],
  [500, 10_792],
  [1_000, 12_000],
])("the shortest suspicion among %i nodes lasts %i ms", (nodeCount, expectedMs) => {
  expect(suspicionMinMs({ suspicionMult: 4, nodeCount, probeIntervalMs: 1_000 })).toBe(expectedMs);
});

test.each([
  [1, 30],
  [32, 30],
  [33, 60],
  [64, 60],
  [65, 90],
  [1_000, 180],
])("exchanges among %i nodes are %i s apart", (nodeCount, seconds) => {
  expect(pushPullScaledMs(30_000, nodeCount)).toBe(seconds * 1_000);
});

const file = join(import.meta.dir, "../../../../shared/protocol/vectors/memberlist.json");
const present = existsSync(file);
if (!present) console.warn("skipped: worked values of gossip, since ../shared/protocol/vectors is not there");

interface Table {
  readonly name?: string;
  readonly table?: readonly Readonly<Record<string, number>>[];
}

describe.skipIf(!present)("worked values of the reference", () => {
  const { vectors } = present
    ? (JSON.parse(readFileSync(file, "utf8")) as { vectors: readonly Table[] })
    : { vectors: [] };
  const rows = (name: string): readonly Readonly<Record<string, number>>[] =>
    vectors.find((vector) => vector.table !== undefined && vector.name?.startsWith(name) === true)?.table ??
    [];
  const of = (row: Readonly<Record<string, number>>, key: string): number => row[key] ?? Number.NaN;

  test("all four tables are there", () => {
    const names = ["retransmitLimit", "suspicionTimeout", "pushPullScale", "remainingSuspicionTime"];
    expect(names.map((name) => rows(name).length)).toEqual([11, 8, 8, 4]);
  });

  test("retransmit limit", () => {
    for (const row of rows("retransmitLimit")) {
      expect(retransmitLimit(of(row, "mult"), of(row, "n"))).toBe(of(row, "limit"));
    }
  });

  test("shortest suspicion", () => {
    for (const row of rows("suspicionTimeout")) {
      const probeIntervalMs = of(row, "probe_interval_ms");
      expect(
        suspicionMinMs({ suspicionMult: of(row, "mult"), nodeCount: of(row, "n"), probeIntervalMs }),
      ).toBe(of(row, "timeout_ms"));
    }
  });

  test("time between exchanges", () => {
    for (const row of rows("pushPullScale")) {
      expect(pushPullScaledMs(of(row, "interval_s") * 1_000, of(row, "n"))).toBe(of(row, "scaled_s") * 1_000);
    }
  });

  test("remaining suspicion", () => {
    for (const row of rows("remainingSuspicionTime")) {
      const terms = {
        wanted: of(row, "k"),
        minMs: of(row, "min_s") * 1_000,
        maxMs: of(row, "max_s") * 1_000,
      };
      expect(suspicionMs(terms, of(row, "confirmations")) - of(row, "elapsed_s") * 1_000).toBe(
        of(row, "remaining_ms"),
      );
    }
  });
});
