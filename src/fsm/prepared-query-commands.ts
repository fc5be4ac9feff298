/** Log command 7 and its snapshot records. Source: protocol reference, FSM section 3. */
import { preparedQueryDelete, preparedQueryRestore, preparedQuerySet } from "../state/prepared-queries.ts";
import { Refusal } from "../state/refusal.ts";
import type { StateStore } from "../state/store.ts";
import { encodeMsgpack } from "../wire/schema/codec.ts";
import { PreparedQuery, PreparedQueryRequest } from "../wire/structs/prepared-query.ts";
import { command, commandType, restoreRecord, type AnyCommand, type SnapshotPart } from "./command.ts";

function apply(store: StateStore, index: number, { Op, Query }: PreparedQueryRequest): Refusal | undefined {
  const query = Query ?? PreparedQuery.zero;
  switch (Op) {
    case "create":
    case "update":
      return preparedQuerySet(store, index, query);
    case "delete":
      return preparedQueryDelete(store, index, query.ID);
    default:
      return new Refusal(`Invalid PreparedQuery operation '${Op}'`);
  }
}

/** Commands on prepared queries answer nothing, or a `Refusal`. */
export const preparedQueryCommands: readonly AnyCommand[] = [
  command({ type: commandType.preparedQuery, codec: PreparedQueryRequest, apply }),
];

/** Prepared queries, by id. */
export const preparedQuerySnapshotPart: SnapshotPart = {
  *records(view) {
    for (const { query } of view.preparedQueries.values())
      yield { type: commandType.preparedQuery, body: encodeMsgpack(PreparedQuery, query) };
  },
  restore: [
    restoreRecord({ type: commandType.preparedQuery, codec: PreparedQuery, put: preparedQueryRestore }),
  ],
};
