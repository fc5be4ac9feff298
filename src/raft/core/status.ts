/** What a core tells about itself, and what it needs to start. */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { LogIndex, Term } from "../../lib/log-index.ts";
import type { Rng } from "../../lib/rng.ts";
import type { FollowerStatus, Leader, Role } from "./effects.ts";
import type {
  Configuration,
  ConfigurationCodec,
  Entry,
  HardState,
  LogView,
  ServerId,
  SnapshotMark,
} from "./entry.ts";
import type { RaftOptions } from "./options.ts";
import type { Rules } from "./rules.ts";

/**
 * Everything `new RaftCore(start)` needs. `log`, `hardState` and `snapshot` are what the disk holds;
 * the state machine stands at `snapshot`, or empty. `{ term: 0, votedFor: undefined }` on a fresh disk.
 */
export interface RaftStart {
  readonly id: ServerId;
  /** Own address as peers know it: sent as `leader` and `candidate`. */
  readonly address: string;
  readonly options: RaftOptions;
  readonly rng: Rng;
  readonly codec: ConfigurationCodec;
  /** Why a peer's command is none, in words; undefined if it can be applied. Default: every command can. */
  readonly commandProblem?: (entry: Entry) => string | undefined;
  readonly log: LogView;
  readonly hardState: HardState;
  readonly snapshot: SnapshotMark | undefined;
  readonly nowMs: MonotonicMs;
  /** Only tests pass other rules than `defaultRules`, to prove that the simulator notices. */
  readonly rules?: Rules;
}

/** A picture of a core between two steps. */
export interface RaftStatus {
  readonly id: ServerId;
  readonly role: Role;
  readonly term: Term;
  readonly votedFor: string | undefined;
  readonly leader: Leader | undefined;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Through here the log is on disk. */
  readonly durableIndex: LogIndex;
  readonly commitIndex: LogIndex;
  /** Through here entries were handed to the state machine. */
  readonly appliedIndex: LogIndex;
  readonly snapshotIndex: LogIndex;
  readonly snapshotTerm: Term;
  /** In use now, committed or not. */
  readonly configuration: Configuration;
  readonly configurationIndex: LogIndex;
  readonly committedConfiguration: Configuration;
  readonly committedConfigurationIndex: LogIndex;
  /** When the leader was last heard; undefined on a leader and before the first contact. */
  readonly lastContactMs: MonotonicMs | undefined;
  /** On a leader only. */
  readonly followers: readonly FollowerStatus[];
}
