/**
 * The seam between SWIM membership and the layer above it (serf).
 *
 * Both sides are sans-I/O and synchronous; `Swim` calls its delegate, which never calls back into `Swim` from within
 * a call but only notes what it wants and is asked for it (`broadcasts`, `effects` of its own).
 * Source: memberlist's delegates, as protocol reference gossip-memberlist sections 5 and 6 describe them.
 */
import type { NetAddress } from "../../lib/net.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import type { AliveMessage, NodeState, VersionVector } from "../../wire/gossip/messages.ts";

/** A node as SWIM knows it. */
export interface SwimNode {
  readonly name: string;
  readonly address: NetAddress;
  readonly meta: Uint8Array;
  readonly vsn: VersionVector;
  readonly incarnation: number;
  readonly state: NodeState;
}

export interface SwimDelegate {
  /** Metadata of this node, at most 512 bytes. */
  localMeta(): Uint8Array;
  /** A user message, from a datagram or a stream. `nowMs` as in every input. */
  userMessage(bytes: Uint8Array, nowMs: MonotonicMs): void;
  /**
   * User messages to send along, each without the type byte; each costs `overheadBytes` more, all together at most
   * `bytesMax`. A call counts as one transmission of what it answers.
   */
  broadcasts(limits: { readonly overheadBytes: number; readonly bytesMax: number }): readonly Uint8Array[];
  /** The upper layer's part of a full exchange. */
  localState(join: boolean): Uint8Array;
  /** The peer's part, after its nodes were merged. */
  mergeState(bytes: Uint8Array, join: boolean, nowMs: MonotonicMs): void;
  /** A node became alive that was unknown, dead or left. This node is reported too. */
  nodeJoined(node: SwimNode, nowMs: MonotonicMs): void;
  /** A node died (`dead`) or left (`left`). */
  nodeLeft(node: SwimNode, nowMs: MonotonicMs): void;
  /** An alive node's metadata changed. */
  nodeUpdated(node: SwimNode, nowMs: MonotonicMs): void;
  /** Why an alive message must be ignored, or `undefined`. */
  aliveProblem(message: AliveMessage): string | undefined;
  /** Why the peers of a joining exchange must not be merged, or `undefined`. */
  mergeProblem(nodes: readonly SwimNode[]): string | undefined;
  /** Two addresses claim one name. */
  conflict(known: SwimNode, claimed: SwimNode, nowMs: MonotonicMs): void;
  /** What an ack of this node carries. */
  ackPayload(): Uint8Array;
  /** A probe was answered over UDP. */
  pingCompleted(node: SwimNode, rttMs: number, payload: Uint8Array): void;
}
