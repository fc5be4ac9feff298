/** Log command 3 and its snapshot records. Source: protocol reference, FSM section 3. */
import { Refusal } from "../state/refusal.ts";
import { sessionCreate, sessionDestroy, sessionRestore } from "../state/session.ts";
import type { StateStore, Tables } from "../state/store.ts";
import { encodeMsgpack } from "../wire/schema/codec.ts";
import { Session, SessionRequest } from "../wire/structs/session.ts";
import {
  command,
  commandType,
  restoreRecord,
  type AnyCommand,
  type SnapshotPart,
  type SnapshotRecord,
} from "./command.ts";

/** The id of a session made, `undefined` for one that is gone, or why the operation is refused. */
function apply(store: StateStore, index: number, request: SessionRequest): string | Refusal | undefined {
  switch (request.Op) {
    case "create": {
      const made = sessionCreate(store, index, request.Session);
      return made instanceof Refusal ? made : made.ID;
    }
    case "destroy":
      return sessionDestroy(store, index, request.Session.ID);
    default:
      return new Refusal(`Invalid Session operation '${request.Op}'`);
  }
}

/** Commands on sessions answer the new id, nothing, or a `Refusal`. */
export const sessionCommands: readonly AnyCommand[] = [
  command({ type: commandType.session, codec: SessionRequest, apply }),
];

function* records(view: Tables): Iterable<SnapshotRecord> {
  for (const session of view.sessions.values()) {
    yield { type: commandType.session, body: encodeMsgpack(Session, session) };
  }
}

/** Sessions, by id. */
export const sessionSnapshotPart: SnapshotPart = {
  records,
  restore: [restoreRecord({ type: commandType.session, codec: Session, put: sessionRestore })],
};
