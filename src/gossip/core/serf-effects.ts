/**
 * What the serf core wants done: the whole contract with its driver.
 *
 *     Swim ── SwimDelegate ──▶ Serf ── takeEffects() ──▶ driver ── sockets, files, listeners
 *                               ▲                           │
 *                               └── userEvent, query, … ────┘
 *
 * Duties of the driver:
 * - it calls `clock(nowMs)` before any call that does not carry the time, and again at `wakeAtMs`;
 * - it calls `takeEffects()` after each call or batch of calls, into `Serf` or `Swim`, and carries the
 *   effects out in order;
 * - every `keyOperation` gets one `keyOperationDone`, at last.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { LogLevel } from "../../lib/log.ts";
import type { KeyOperationKind, KeyringAnswer, KeyringCall } from "../../lib/keyring-pool.ts";
import type { MemberEvent } from "../../lib/members.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { LamportTime } from "./lamport.ts";

/** An event of the application, heard for the first time. */
export interface HeardUserEvent {
  readonly lamportTime: LamportTime;
  readonly name: string;
  readonly payload: Uint8Array;
}

/** A query of the application whose filters mean this node. Answered by `Serf.respond(query, payload)`, or not. */
export interface HeardQuery {
  readonly lamportTime: LamportTime;
  readonly id: number;
  readonly name: string;
  readonly payload: Uint8Array;
  readonly source: NetAddress;
  readonly sourceNode: string;
  readonly relayFactor: number;
  /** Later answers are of no use. */
  readonly deadlineMs: MonotonicMs;
}

/** How one node fared with a key operation. */
export interface KeyOperationResult {
  /** Why it failed, in the reference's words; "" otherwise. */
  readonly problem: string;
  /** base64 of every key, the primary first; only for `list`. */
  readonly keys: readonly string[];
  /** base64; only for `list`. */
  readonly primaryKey: string;
}

/** One thing to do. Ids are those the driver passed in, unless said otherwise. */
export type SerfEffect =
  /** Tell everyone who watches members. */
  | { readonly kind: "member"; readonly event: MemberEvent }
  /** Tell everyone who listens to user events. */
  | { readonly kind: "userEvent"; readonly event: HeardUserEvent }
  /** Let the application answer, if it wants. */
  | { readonly kind: "query"; readonly query: HeardQuery }
  /** An acknowledgement of this node's query; each node once. */
  | { readonly kind: "queryAck"; readonly queryId: number; readonly from: string }
  /** An answer to this node's query; each node once. */
  | {
      readonly kind: "queryResponse";
      readonly queryId: number;
      readonly from: string;
      readonly payload: Uint8Array;
    }
  /** This node's query is over; nothing more of it follows. */
  | { readonly kind: "queryDone"; readonly queryId: number }
  /** Send `bytes` as a user message by datagram to one node, not by gossip. */
  | { readonly kind: "send"; readonly to: NetAddress; readonly node: string; readonly bytes: Uint8Array }
  /** Join SWIM at `name/host:port`, without a join intent; whether it works does not matter. */
  | { readonly kind: "reconnect"; readonly address: string }
  /** The tags changed: have SWIM announce the new metadata (`localMeta`). */
  | { readonly kind: "announceMeta" }
  /** Carry out on the local keyring and its file, and report `keyOperationDone`. `operationId` is the core's. */
  | {
      readonly kind: "keyOperation";
      readonly operationId: number;
      readonly operation: KeyOperationKind;
      /** Raw key; empty for `list`. */
      readonly key: Uint8Array;
    }
  | { readonly kind: "keyringAnswered"; readonly requestId: number; readonly answer: KeyringAnswer }
  /** A forced leave was broadcast, or `problem` says why not. */
  | { readonly kind: "forceLeft"; readonly requestId: number; readonly problem: string | undefined }
  /** The leave intent is out: have SWIM leave, then call `swimHasLeft`. */
  | { readonly kind: "leaveSwim" }
  /** The leave has had time to spread: the node may be shut down. */
  | { readonly kind: "left" }
  /** This node lost its name to another: shut it down without a leave. */
  | { readonly kind: "shutdown" }
  /** Append to the snapshot; each line ends in a newline. */
  | { readonly kind: "snapshotAppend"; readonly text: string }
  /** Replace the snapshot by this: write aside, sync, rename. */
  | { readonly kind: "snapshotReplace"; readonly text: string }
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string }
  /** Count, by 1. Name without the product's prefix. */
  | { readonly kind: "count"; readonly name: string }
  /** Record a sample. Name as above; the unit is in the name where it matters. */
  | { readonly kind: "sample"; readonly name: string; readonly value: number };

/** What to do, in order, and when to call `clock` next if nothing happens first. */
export interface SerfEffects {
  readonly list: readonly SerfEffect[];
  readonly wakeAtMs: MonotonicMs;
}

/** A query of this node. */
export interface QueryRequest {
  /** Chosen by the caller, unique among queries that run. */
  readonly queryId: number;
  readonly name: string;
  readonly payload: Uint8Array;
  /** Only these nodes answer; absent: all. */
  readonly nodes?: readonly string[];
  /** Only nodes whose tags match these RE2 expressions answer. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Ask every node that is meant for an acknowledgement. */
  readonly ack?: boolean;
  /** How many other nodes relay a second copy of each answer: 0…255. */
  readonly relayFactor?: number;
  /** Absent: the default, which grows with the pool. */
  readonly timeoutMs?: number;
}

/** A key operation on every node of the pool. */
export interface KeyringRequest extends KeyringCall {
  /** Chosen by the caller, unique among requests that run. */
  readonly requestId: number;
}

/** Figures for operators; names as `serf_lan` in the agent's statistics has them. */
export interface SerfStats {
  readonly members: number;
  readonly failed: number;
  readonly left: number;
  readonly memberTime: LamportTime;
  readonly eventTime: LamportTime;
  readonly queryTime: LamportTime;
  readonly intentQueue: number;
  readonly eventQueue: number;
  readonly queryQueue: number;
  readonly coordinateResets: number;
}
