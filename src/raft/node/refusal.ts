/** Failures of requests to the consensus that have no name in `lib/consensus.ts`. */
import { unreachable } from "../../lib/assert.ts";
import { LeadershipLostError, NotLeaderError, transferInProgressText } from "../../lib/consensus.ts";
import { ProconsulError } from "../../lib/errors.ts";
import type { RefusalReason } from "../core/effects.ts";

/** The core refused; nothing was appended. */
export class RaftRefusedError extends ProconsulError {
  readonly code = "raft-refused";
  readonly reason: RefusalReason;
  constructor(reason: RefusalReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The node was closed, or stopped after a failure. */
export class RaftShutdownError extends ProconsulError {
  readonly code = "raft-shutdown";
  constructor() {
    super("raft is already shutdown");
  }
}

/** Nothing was applied yet, so there is no state to keep. */
export class NothingToSnapshotError extends ProconsulError {
  readonly code = "nothing-to-snapshot";
  constructor() {
    super("nothing new to snapshot");
  }
}

/** A user's snapshot took the place of what the proposal would have changed; it may or may not have come before. */
export class AbortedByRestoreError extends ProconsulError {
  readonly code = "aborted-by-restore";
  constructor() {
    super("snapshot restored while committing log");
  }
}

/** What is on disk does not fit together and cannot be started from. */
export class RaftDataError extends ProconsulError {
  readonly code = "raft-data";
}

/** The error of a refusal; texts are the reference's where it has one. */
export function refusalError(reason: RefusalReason): ProconsulError {
  switch (reason) {
    case "notLeader":
      return new NotLeaderError();
    case "leadershipLost":
      return new LeadershipLostError();
    case "transferInProgress":
      return new RaftRefusedError(reason, transferInProgressText);
    case "restoreInProgress":
      return new RaftRefusedError(reason, "a snapshot is being restored");
    case "overloaded":
      return new RaftRefusedError(reason, "timed out enqueuing operation");
    case "changePending":
      return new RaftRefusedError(reason, "a configuration change is not committed yet");
    case "changeInvalid":
      return new RaftRefusedError(reason, "configuration change does not fit the present configuration");
    case "targetInvalid":
      return new RaftRefusedError(reason, "cannot find peer");
    case "transferTimedOut":
      return new RaftRefusedError(reason, "leadership transfer timeout");
    default:
      return unreachable(reason);
  }
}
