/**
 * What goes into the Raft core and what comes out: the whole contract with its driver.
 *
 * The driver gathers inputs, calls `core.step(inputs)`, and carries out the effects:
 *
 *     sockets, timers, disk ── inputs ──▶ core ── effects ──▶ sockets, timers, disk, state machine
 *
 * Duties of the driver:
 * - each batch starts with `clock`;
 * - every request in `send`, `sendAfterWrite` or `sendSnapshot` gets exactly one `response` or `failed`
 *   at last, after `timeoutMs` at the latest; requests of one lane to one server keep their order;
 * - writes are carried out in the order of their tokens; `written` names a token when it and all
 *   before it are durable and visible in the `LogView`; several may share one sync;
 * - every inbound `request` gets exactly one reply from the core, in whatever order.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { LogIndex, Term } from "../../lib/log-index.ts";
import type {
  Configuration,
  Entry,
  HardState,
  ServerId,
  SnapshotEnd,
  SnapshotMark,
  Suffrage,
} from "./entry.ts";
import type { InstallSnapshotRequest, RaftRequest, RaftResponse } from "./messages.ts";

/** One proposed entry; index and term come from the core. */
export interface Proposal {
  /** `entryType.command` or `entryType.barrier`; the other types are the core's own. */
  readonly type: number;
  readonly data: Uint8Array;
  readonly extensions?: Uint8Array;
}

/** A single-server change. Each is idempotent: a change that is already so is accepted as a new entry. */
export type ConfigurationChange =
  /** Adds a voter, or promotes a nonvoter, or moves a server to a new address. */
  | { readonly kind: "addVoter"; readonly id: ServerId; readonly address: string }
  /** Adds a nonvoter, or moves a server to a new address; never demotes. */
  | { readonly kind: "addNonvoter"; readonly id: ServerId; readonly address: string }
  | { readonly kind: "demoteVoter"; readonly id: ServerId }
  | { readonly kind: "removeServer"; readonly id: ServerId };

/** All ids below are chosen by the driver, unless it says otherwise, and echoed in effects. */
export type Input =
  /** The time; the core never sees another clock. May stand still, never runs backwards. */
  | { readonly kind: "clock"; readonly nowMs: MonotonicMs }
  /** A peer asks; answered by an `Outgoing` reply with the same `inboundId`. `from` comes back in `refused`. */
  | {
      readonly kind: "request";
      readonly inboundId: number;
      readonly message: RaftRequest;
      readonly from?: string | undefined;
    }
  /** A peer answered the core's request `requestId`. */
  | {
      readonly kind: "response";
      readonly requestId: number;
      readonly message: RaftResponse;
      readonly from?: string | undefined;
    }
  /** No answer, or an answer that is only an error text (`remoteError`, such as "unexpected command"). */
  | { readonly kind: "failed"; readonly requestId: number; readonly remoteError?: string }
  /** Appends entries in this order, all or none; answered by a `proposed` or `refused` outcome. */
  | { readonly kind: "propose"; readonly proposalId: number; readonly entries: readonly Proposal[] }
  /** Answered like `propose`. With `prevIndex`, refused unless the latest configuration stands there. */
  | {
      readonly kind: "changeConfiguration";
      readonly proposalId: number;
      readonly change: ConfigurationChange;
      readonly prevIndex?: LogIndex;
    }
  /** Writes the first configuration on an empty server; `changeInvalid` on any other. Answered like `propose`. */
  | { readonly kind: "bootstrap"; readonly proposalId: number; readonly configuration: Configuration }
  /** Hands leadership to `to`, or to the voter that is furthest. Answered by `transferred` or `refused`. */
  | { readonly kind: "transferLeadership"; readonly proposalId: number; readonly to?: ServerId }
  /**
   * Makes place for a user's snapshot, whose own index is `index`: answered by `restorePlanned` or `refused`.
   * Nothing is appended until the driver has stored it under that mark and says `restored` or `restoreFailed`.
   */
  | { readonly kind: "planRestore"; readonly proposalId: number; readonly index: LogIndex }
  /**
   * The planned snapshot is stored, and the state machine stands there. Only right after a step that left the plan
   * in force: `core.isRestoring(proposalId)`. Answered by `proposed` for the entry behind the snapshot.
   */
  | { readonly kind: "restored"; readonly proposalId: number }
  /** The planned snapshot could not be stored or read: all goes on as before. Ignored if the plan is gone. */
  | { readonly kind: "restoreFailed"; readonly proposalId: number }
  /** Asks for proof of leadership that is newer than this input. Answered by `verified` or `refused`. */
  | { readonly kind: "verifyLeader"; readonly proposalId: number }
  /** The write `token` and all before it are durable. */
  | { readonly kind: "written"; readonly token: number }
  /** A snapshot of the applied state is durable. `snapshot.index` is at most the applied index. */
  | { readonly kind: "snapshotTaken"; readonly snapshot: SnapshotMark }
  /** The bytes asked for by `receiveSnapshot` are durable and whole, or (`ok: false`) lost. */
  | { readonly kind: "snapshotReceived"; readonly inboundId: number; readonly ok: boolean };

/** Which connection a request takes: within a lane order is kept, across lanes it is not. */
export type Lane = "heartbeat" | "replicate" | "control";

/** A request to a peer. */
export interface OutgoingRequest {
  readonly kind: "request";
  /** Chosen by the core, unique while it lives; echoed in `response` and `failed`. */
  readonly requestId: number;
  readonly to: ServerId;
  /** From the configuration; a fallback for a driver that knows a newer one. */
  readonly address: string;
  readonly lane: Lane;
  /** After this long without an answer the driver reports `failed`. */
  readonly timeoutMs: number;
  readonly message: RaftRequest;
}

/** The answer to an inbound request; `error` is the error text that peers match on, without a message. */
export type OutgoingReply =
  | { readonly kind: "reply"; readonly inboundId: number; readonly message: RaftResponse }
  | { readonly kind: "reply"; readonly inboundId: number; readonly error: string };

export type Outgoing = OutgoingRequest | OutgoingReply;

/** One step of the disk, whole or not at all: first cut, then append, together with the hard state. */
export interface LogWrite {
  /** Grows by one with each write. */
  readonly token: number;
  /** New hard state; undefined: unchanged. */
  readonly hardState: HardState | undefined;
  /** Drop every entry, old and new: the log goes on after this index. */
  readonly restartAfter: LogIndex | undefined;
  /** Drop this entry and all after it. */
  readonly truncateFrom: LogIndex | undefined;
  /** Append these, which follow on what is left. */
  readonly entries: readonly Entry[];
}

/** A snapshot to stream to a follower: the driver opens the one that `message` names. Answered like any request. */
export interface SendSnapshot {
  readonly requestId: number;
  readonly to: ServerId;
  readonly address: string;
  readonly message: InstallSnapshotRequest;
}

/** Stream the bytes of this inbound snapshot to disk, sync, verify, then report `snapshotReceived`. */
export interface ReceiveSnapshot {
  readonly inboundId: number;
  readonly message: InstallSnapshotRequest;
  /** As the driver said. */
  readonly from: string | undefined;
}

/** A message that no correct peer sends: it changed nothing. To be counted, and told to the operator. */
export interface RefusedMessage {
  readonly message: RaftRequest | RaftResponse;
  /** As the driver said. */
  readonly from: string | undefined;
  /** What is wrong with it, in words. */
  readonly problem: string;
}

/** Why a proposal, change, transfer or read was refused. Nothing was appended. */
export type RefusalReason =
  | "notLeader"
  /** Leadership ended, or a read could not be proved in its lifetime. For reads and transfers only. */
  | "leadershipLost"
  | "transferInProgress"
  | "restoreInProgress"
  /** Too many uncommitted entries. */
  | "overloaded"
  /** An earlier configuration change, or the first entry of this term, is not committed yet: try again. */
  | "changePending"
  /** The change does not fit the configuration: unknown server, address in use, last voter, wrong `prevIndex`. */
  | "changeInvalid"
  /** No such voter, or the server itself. */
  | "targetInvalid"
  /** The target did not take over within the election timeout; leadership stays here. */
  | "transferTimedOut";

export type Outcome =
  /** Appended as `firstIndex` … `firstIndex + count - 1` in `term`; not yet committed. */
  | {
      readonly kind: "proposed";
      readonly proposalId: number;
      readonly firstIndex: LogIndex;
      readonly count: number;
      readonly term: Term;
    }
  /** Was leader at some moment after the request; a read after applying `readIndex` sees every acknowledged write. */
  | { readonly kind: "verified"; readonly proposalId: number; readonly readIndex: LogIndex }
  /** The user's snapshot is to be stored under this mark, which no entry of any log has. */
  | { readonly kind: "restorePlanned"; readonly proposalId: number; readonly mark: SnapshotMark }
  /** Another server took over. */
  | { readonly kind: "transferred"; readonly proposalId: number }
  | { readonly kind: "refused"; readonly proposalId: number; readonly reason: RefusalReason };

export type Role = "follower" | "candidate" | "leader";

/** Who leads, as far as this server knows. */
export interface Leader {
  /** Undefined: a peer of an old version, whose address is in no configuration that we know. */
  readonly id: ServerId | undefined;
  readonly address: string;
}

/** The state after a change of role, term or known leader. */
export interface Leadership {
  readonly role: Role;
  readonly term: Term;
  readonly leader: Leader | undefined;
}

/** What the core wants done. Fields are carried out in this order unless they say otherwise. */
export interface Effects {
  /** May leave at once, even while `write` is under way. */
  readonly send: readonly Outgoing[];
  /** Must be durable before the driver reports `written`. */
  readonly write: LogWrite | undefined;
  /**
   * Held back until the newest write issued so far (this step's or an earlier one) is durable: each
   * promises something that a crash must not undo. Empty when nothing is pending.
   */
  readonly sendAfterWrite: readonly Outgoing[];
  readonly receiveSnapshot: readonly ReceiveSnapshot[];
  readonly sendSnapshot: readonly SendSnapshot[];
  /** Received snapshots that will not be used: remove them, so that no start finds them. */
  readonly dropSnapshots: readonly SnapshotEnd[];
  readonly refused: readonly RefusedMessage[];
  /** Replace the state machine by this received snapshot before `apply` and after all earlier `apply`. */
  readonly installSnapshot: SnapshotMark | undefined;
  /** Newly committed, in index order, each exactly once. Includes noops and configurations. */
  readonly apply: readonly Entry[];
  readonly outcomes: readonly Outcome[];
  /** Set when this server stopped leading: what it appended from here on and did not commit may come or be lost. */
  readonly lostFrom: LogIndex | undefined;
  /** Set when role, term or leader changed in this step. */
  readonly leadership: Leadership | undefined;
  /** The log may forget its entries through here, at leisure and after earlier writes. */
  readonly compactThrough: LogIndex | undefined;
  /** When the core next needs the time, if nothing else happens first; now or earlier: at once. */
  readonly wakeAtMs: MonotonicMs | undefined;
}

/** A server's suffrage and progress as its leader sees them, for operators. */
export interface FollowerStatus {
  readonly id: ServerId;
  readonly address: string;
  readonly suffrage: Suffrage;
  readonly matchIndex: LogIndex;
  readonly nextIndex: LogIndex;
  readonly lastContactMs: MonotonicMs | undefined;
}
