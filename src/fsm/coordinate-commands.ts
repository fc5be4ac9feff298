/** Log command 6 and the coordinates' part of snapshots. */
import { isValidCoordinate, putCoordinate, updateCoordinates } from "../state/coordinates.ts";
import { encodeMsgpack } from "../wire/schema/codec.ts";
import { list } from "../wire/schema/collections.ts";
import { Coordinate } from "../wire/structs/operator.ts";
import { command, commandType, restoreRecord, type AnyCommand, type SnapshotPart } from "./command.ts";

/** The body of a batch: a bare array. */
export const CoordinateBatch = list(Coordinate);

export const coordinateCommands: readonly AnyCommand[] = [
  command({
    type: commandType.coordinateBatch,
    codec: CoordinateBatch,
    apply: (store, index, updates) => updateCoordinates(store, index, updates ?? []),
  }),
];

/** A batch of one for each coordinate. */
export const coordinateSnapshotPart: SnapshotPart = {
  *records(view) {
    for (const row of view.coordinates.values()) {
      yield { type: commandType.coordinateBatch, body: encodeMsgpack(CoordinateBatch, [row]) };
    }
  },
  restore: [
    restoreRecord({
      type: commandType.coordinateBatch,
      codec: CoordinateBatch,
      put: (store, rows, lastIndex) => {
        for (const row of rows ?? []) if (isValidCoordinate(row)) putCoordinate(store, lastIndex, row);
      },
    }),
  ],
};
