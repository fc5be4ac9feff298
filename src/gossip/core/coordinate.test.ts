import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { seededRng } from "../../lib/rng.ts";
import { CoordinateClient } from "./coordinate-client.ts";
import { distanceSeconds, isSound, originCoordinate, type Coordinate } from "./coordinate.ts";

const file = join(import.meta.dir, "../../../../shared/protocol/vectors/serf.json");
const present = existsSync(file);
if (!present) console.warn("skipped: coordinate vectors, since ../shared/protocol/vectors is not there");

interface Sequence {
  readonly start: Coordinate;
  readonly other: Coordinate;
  readonly steps: readonly {
    readonly after: Coordinate;
    readonly distance_ns: number;
    readonly rtt_ns: number;
  }[];
}

describe.skipIf(!present)("the reference's sequence", () => {
  const { vectors } = present
    ? (JSON.parse(readFileSync(file, "utf8")) as { vectors: (Sequence & { name: string })[] })
    : { vectors: [] };
  test("five round trips, to the last digit", () => {
    const sequence = vectors.find(({ name }) => name === "vivaldi update sequence");
    if (sequence === undefined) throw new Error("no sequence");
    const client = new CoordinateClient(seededRng(1), sequence.start);
    for (const { after, distance_ns, rtt_ns } of sequence.steps) {
      expect(client.update("node", sequence.other, rtt_ns / 1e9)).toBeUndefined();
      const { Vec, ...rest } = client.coordinate;
      for (const [at, value] of Vec.entries()) expect(value).toBeCloseTo(after.Vec[at] ?? NaN, 15);
      expect(rest.Error).toBeCloseTo(after.Error, 12);
      expect(rest.Adjustment).toBeCloseTo(after.Adjustment, 15);
      expect(rest.Height).toBeCloseTo(after.Height, 15);
      expect(Math.round(distanceSeconds(client.coordinate, sequence.other) * 1e9)).toBe(distance_ns);
    }
  });
});

test("nodes on a line find their distances", () => {
  const at = [0, 0.01, 0.03, 0.06];
  const rng = seededRng(7);
  const clients = at.map((_, index) => new CoordinateClient(rng.fork(`node ${index}`)));
  for (let round = 0; round < 2000; round += 1) {
    const a = rng.below(at.length);
    const b = rng.below(at.length);
    if (a === b) continue;
    const rtt = Math.abs((at[a] ?? 0) - (at[b] ?? 0)) + 0.001;
    clients[a]?.update(`node ${b}`, clients[b]?.coordinate ?? originCoordinate, rtt);
  }
  const far = distanceSeconds(
    clients[0]?.coordinate ?? originCoordinate,
    clients[3]?.coordinate ?? originCoordinate,
  );
  const near = distanceSeconds(
    clients[0]?.coordinate ?? originCoordinate,
    clients[1]?.coordinate ?? originCoordinate,
  );
  expect(far).toBeCloseTo(0.061, 2);
  expect(near).toBeCloseTo(0.011, 2);
});

test.each([
  { what: "another dimension", other: { ...originCoordinate, Vec: [0, 0] }, rtt: 0.1, problem: "dimensions" },
  { what: "no number", other: { ...originCoordinate, Height: NaN }, rtt: 0.1, problem: "invalid" },
  { what: "an infinite one", other: { ...originCoordinate, Error: Infinity }, rtt: 0.1, problem: "invalid" },
  { what: "time that ran backwards", other: originCoordinate, rtt: -1, problem: "not in valid range" },
  { what: "more than ten seconds", other: originCoordinate, rtt: 10.1, problem: "not in valid range" },
])("refuses $what and stays where it is", ({ other, rtt, problem }) => {
  const client = new CoordinateClient(seededRng(1));
  expect(client.update("a", other, rtt)).toContain(problem);
  expect(client.coordinate).toEqual(originCoordinate);
});

test("one late answer among three moves nothing more than the others", () => {
  const calm = new CoordinateClient(seededRng(3));
  const late = new CoordinateClient(seededRng(3));
  const other = { ...originCoordinate, Vec: [0.01, 0, 0, 0, 0, 0, 0, 0] };
  for (const rtt of [0.01, 0.01, 0.01]) calm.update("a", other, rtt);
  for (const rtt of [0.01, 0.01, 5]) late.update("a", other, rtt);
  expect(late.coordinate).toEqual(calm.coordinate);
});

test("hostile coordinates never leave a node with nonsense", () => {
  const any = fc.double({ noNaN: false });
  const coordinate = fc.record({
    Vec: fc.array(any, { minLength: 8, maxLength: 8 }),
    Error: any,
    Adjustment: any,
    Height: any,
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(coordinate, fc.double({ min: 0, max: 10 })), { maxLength: 20 }),
      (updates) => {
        const client = new CoordinateClient(seededRng(1));
        for (const [other, rtt] of updates) client.update("a", other, rtt);
        expect(isSound(client.coordinate)).toBe(true);
      },
    ),
  );
});
