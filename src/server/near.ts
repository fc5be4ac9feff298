/** Sorting by network distance. Source: Vivaldi with Serf's heights and adjustments; the reference's rtt sort. */
import { coordinatesOf } from "../state/coordinates.ts";
import type { StateStore } from "../state/store.ts";
import type { Coordinate } from "../wire/structs/operator.ts";

/** Where distances are measured from; no node means no order. */
export interface NearSource {
  readonly Datacenter: string;
  readonly Node: string;
}

type Point = NonNullable<Coordinate["Coord"]>;

/**
 * Rows by their nodes' distance from the source, the nearest first; equal and unknown distances keep their
 * order, unknown ones at the end. The same array comes back when the source is unknown.
 */
export function sortByDistance<T>(
  store: StateStore,
  rows: readonly T[],
  {
    source,
    datacenter,
    nodeOf,
  }: {
    readonly source: NearSource;
    readonly datacenter: string;
    readonly nodeOf: (row: T) => string;
  },
): readonly T[] {
  if (source.Node === "" || (source.Datacenter !== "" && source.Datacenter !== datacenter)) return rows;
  const from = coordinatesOf(store, source.Node);
  if (from.length === 0) return rows;
  const measured = rows.map((row) => ({
    row,
    distance: distanceBetween(from, coordinatesOf(store, nodeOf(row))),
  }));
  return measured
    .sort((a, b) => (a.distance === b.distance ? 0 : a.distance - b.distance))
    .map(({ row }) => row);
}

/** Distance within the first segment that both are in; infinite without one. */
function distanceBetween(from: readonly Coordinate[], to: readonly Coordinate[]): number {
  for (const { Segment: segment, Coord: a } of from) {
    const b = to.find((one) => one.Segment === segment)?.Coord ?? null;
    if (a !== null && b !== null) return distanceSeconds(a, b);
  }
  return Number.POSITIVE_INFINITY;
}

/** The round trip between two places. */
export function distanceSeconds(a: Point, b: Point): number {
  const other = b.Vec ?? [];
  const squares = (a.Vec ?? []).reduce((sum, at, i) => sum + (at - (other[i] ?? 0)) ** 2, 0);
  const raw = Math.sqrt(squares) + a.Height + b.Height;
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return adjusted > 0 ? adjusted : raw;
}
