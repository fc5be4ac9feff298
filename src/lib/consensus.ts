/**
 * What the server layer asks of consensus, and what consensus asks of the state machine.
 *
 * Nothing above this interface knows about Raft, so another engine can stand behind it.
 */
import { ProconsulError } from "./errors.ts";

/** Clients match on this text. */
export const noLeaderText = "No cluster leader";

/** Nothing was taken, since leadership is being handed on. Peers match on this text. */
export const transferInProgressText = "leadership transfer in progress";

/** No server leads, or this one does not lead and does not know who does. */
export class NoLeaderError extends ProconsulError {
  readonly code = "no-leader";
  constructor() {
    super(noLeaderText);
  }
}

/** The proposal was not taken here; ask the leader. */
export class NotLeaderError extends ProconsulError {
  readonly code = "not-leader";
  constructor() {
    super("node is not the leader");
  }
}

/** Leadership was lost after the proposal was taken: it may or may not be applied. */
export class LeadershipLostError extends ProconsulError {
  readonly code = "leadership-lost";
  constructor() {
    super("leadership lost while committing log");
  }
}

/** One member of the replicated configuration. */
export interface ConsensusServer {
  readonly id: string;
  /** host:port of its RPC door. */
  readonly address: string;
  readonly voter: boolean;
}

export type ConsensusRole = "follower" | "candidate" | "leader" | "shutdown";

export interface ConsensusStatus {
  readonly role: ConsensusRole;
  readonly term: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastSnapshotIndex: number;
  readonly lastSnapshotTerm: number;
  readonly leaderId: string | undefined;
  readonly leaderAddress: string | undefined;
  readonly servers: readonly ConsensusServer[];
  readonly configurationIndex: number;
  /** Milliseconds since the leader was last heard; 0 on the leader, `undefined` if never. */
  readonly lastContactMs: number | undefined;
}

/** A replicated log that applies to the local `StateMachine`. */
export interface Consensus {
  status(): ConsensusStatus;
  /**
   * Replicates one command and answers what the state machine returned for it, once it is durable on
   * a quorum and applied here. `decoded` may carry the same command in memory, to spare decoding it.
   * Rejects with `NotLeaderError` or `LeadershipLostError`.
   */
  propose(command: Uint8Array, decoded?: unknown): Promise<unknown>;
  /** Resolves when everything committed before the call is applied here. */
  barrier(): Promise<void>;
  /** Resolves once a quorum has confirmed, after the call, that this server still leads. */
  verifyLeader(): Promise<void>;
  /** Called at once with the present state, then on each change. Disposing stops it. */
  onLeadership(listener: (leading: boolean, term: number) => void): Disposable;
  addServer(server: ConsensusServer): Promise<void>;
  removeServer(id: string): Promise<void>;
  /** To the given server, or to the most advanced voter. */
  transferLeadership(id?: string): Promise<void>;
  /** Takes a snapshot now and answers its metadata and bytes, for a user's archive. */
  snapshot(): Promise<ConsensusSnapshot>;
  /**
   * Replaces the state machine's state on every server; resolves when a majority has it. The log goes on behind
   * `lastIndex`, the last index that clients of the archive's cluster may have seen. Proposals under way may be
   * aborted.
   */
  restore(state: Uint8Array, lastIndex?: number): Promise<void>;
  close(): Promise<void>;
}

export interface ConsensusSnapshot {
  readonly id: string;
  readonly index: number;
  readonly term: number;
  readonly servers: readonly ConsensusServer[];
  readonly configurationIndex: number;
  readonly state: Uint8Array;
}

/** The deterministic machine that the log drives. */
export interface StateMachine {
  /** Applies one command. Throws only on a bug: refusals are part of the answer. */
  apply(index: number, command: Uint8Array, decoded?: unknown): unknown;
  /**
   * The command in memory, as `apply` takes it; undefined for one of a kind that is passed over. Throws `DecodeError`
   * for what `apply` could not take.
   */
  decode(command: Uint8Array): unknown;
  /** Chunks of an immutable view of the present state; later applies do not show in it. */
  snapshot(): Iterable<Uint8Array>;
  /**
   * Reads a whole state, apart from the present one; calling what comes back puts it in its place. Throws
   * `DecodeError`.
   */
  prepare(state: Uint8Array): () => void;
}
