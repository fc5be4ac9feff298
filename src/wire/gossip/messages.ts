/**
 * memberlist's messages as values; bytes are the codec's business. Source: protocol reference, gossip-memberlist
 * section 3.
 */
import type { NetAddress } from "../../lib/net.ts";

/** [protocolMin, protocolMax, protocolCur, delegateMin, delegateMax, delegateCur]; six numbers, each 0…255. */
export type VersionVector = readonly number[];

/** A probe. `node` is who is meant; another node drops it. `source`: where the ack goes, else to the sender. */
export interface PingMessage {
  readonly kind: "ping";
  readonly seqNo: number;
  readonly node: string;
  readonly source?: NetAddress;
  readonly sourceNode?: string;
}

/** Asks for a probe of `target` on the sender's behalf; `nack`: the sender wants to hear of a failure too. */
export interface IndirectPingMessage {
  readonly kind: "indirectPing";
  readonly seqNo: number;
  readonly node: string;
  readonly target: NetAddress;
  readonly nack: boolean;
  readonly source?: NetAddress;
  readonly sourceNode?: string;
}

export interface AckMessage {
  readonly kind: "ack";
  readonly seqNo: number;
  /** Coordinate of the sender, in serf's form. */
  readonly payload: Uint8Array | null;
}

export interface NackMessage {
  readonly kind: "nack";
  readonly seqNo: number;
}

export interface SuspectMessage {
  readonly kind: "suspect";
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

export interface AliveMessage {
  readonly kind: "alive";
  readonly incarnation: number;
  readonly node: string;
  /** IPv4-mapped addresses arrive as IPv4. */
  readonly address: NetAddress;
  readonly meta: Uint8Array;
  readonly vsn: VersionVector;
}

/** `from` equal to `node`: it left. */
export interface DeadMessage {
  readonly kind: "dead";
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

/** Bytes of the layer above (serf): a type byte and MessagePack. */
export interface UserMessage {
  readonly kind: "user";
  readonly bytes: Uint8Array;
}

/** What a datagram may carry, once containers are unpacked. */
export type GossipMessage =
  | PingMessage
  | IndirectPingMessage
  | AckMessage
  | NackMessage
  | SuspectMessage
  | AliveMessage
  | DeadMessage
  | UserMessage;

/** Numbers on the wire: 0 alive, 1 suspect, 2 dead, 3 left. */
export type NodeState = "alive" | "suspect" | "dead" | "left";
export const nodeStates: readonly NodeState[] = ["alive", "suspect", "dead", "left"];

/** One node in a full exchange of state. */
export interface PushNodeState {
  readonly name: string;
  readonly address: NetAddress;
  readonly meta: Uint8Array;
  readonly incarnation: number;
  readonly state: NodeState;
  readonly vsn: VersionVector;
}

/** A full exchange of state, one direction. */
export interface PushPullMessage {
  readonly kind: "pushPull";
  readonly join: boolean;
  readonly nodes: readonly PushNodeState[];
  /** The state of the layer above (serf). */
  readonly userState: Uint8Array;
}

/** What a stream may carry. */
export type StreamMessage =
  | PingMessage
  | AckMessage
  | PushPullMessage
  | UserMessage
  | { readonly kind: "error"; readonly text: string };
