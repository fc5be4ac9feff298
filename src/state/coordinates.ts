/** Network coordinates of nodes, one for each segment. Source: Vivaldi as Serf has it. */
import { getNode, foldName, nodePrefix, raiseIndex } from "./catalog-rows.ts";
import type { Coordinate } from "../wire/structs/operator.ts";
import { keySeparator, type StateStore } from "./store.ts";
import type { WatchSet } from "./watch.ts";

/** Dimensions of every coordinate in the cluster. */
export const coordinateDimensions = 8;

/** Whether every number of a coordinate is finite. */
export function isValidCoordinate({ Coord: coord }: Coordinate): boolean {
  if (coord === null) return false;
  return [...(coord.Vec ?? []), coord.Error, coord.Adjustment, coord.Height].every(Number.isFinite);
}

/** Sets coordinates of known nodes; others are dropped, since their next update will find them. */
export function updateCoordinates(store: StateStore, index: number, updates: readonly Coordinate[]): void {
  for (const update of updates) {
    if (isValidCoordinate(update) && getNode(store, update.Node) !== undefined)
      putCoordinate(store, index, update);
  }
  raiseIndex(store, "coordinates", index);
}

/** Stores a coordinate and reports it. */
export function putCoordinate(store: StateStore, index: number, row: Coordinate): void {
  store.tables.coordinates.set(foldName(row.Node) + keySeparator + row.Segment, row);
  raiseIndex(store, "coordinates", index);
  store.changedTopic("coordinates");
  store.changedTopic(`coordinates:${foldName(row.Node)}`);
}

/** All coordinates in node order. */
export function listCoordinates(store: StateStore, watch: WatchSet): Coordinate[] {
  watch.topic("coordinates");
  return [...store.tables.coordinates.values()];
}

/** A node's coordinates, one for each segment. */
export function nodeCoordinates(store: StateStore, watch: WatchSet, node: string): Coordinate[] {
  watch.topic(`coordinates:${foldName(node)}`);
  return coordinatesOf(store, node);
}

/** A node's coordinates, outside of a watched read. */
export function coordinatesOf(store: StateStore, node: string): Coordinate[] {
  return [...store.tables.coordinates.withPrefix(nodePrefix(node))].map(([, row]) => row);
}
