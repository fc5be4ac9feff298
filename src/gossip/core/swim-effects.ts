/**
 * What goes into the SWIM core and what comes out: the whole contract with its driver.
 *
 *     sockets, timers, operator ── inputs ──▶ Swim ── effects ──▶ sockets, timers, callers
 *                                              │
 *                                              └── SwimDelegate (serf), called within the step
 *
 * `swim.step(nowMs, inputs)` takes the time and any number of inputs in order; with none it only lets timers fire.
 * The first step holds `start`. Duties of the driver:
 * - it steps at `wakeAtMs` at the latest, and with every input as it arrives;
 * - each `StreamPing` gets one `streamPingAnswered` or `streamPingFailed`, each `Exchange` one `exchangeAnswered` or
 *   `exchangeFailed`, after their `timeoutMs` at the latest (later ones are ignored, none is an error);
 * - each inbound request on a stream gets exactly one `StreamReply`, in the same step: it is written, and the
 *   connection then ends;
 * - after a step it asks the delegate for what that wants done.
 * Message bytes in effects are shared with the core's queues: nobody may change them.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { NetAddress } from "../../lib/net.ts";
import type {
  AckMessage,
  GossipMessage,
  PingMessage,
  PushPullMessage,
  StreamMessage,
} from "../../wire/gossip/messages.ts";

/** All ids are chosen by whoever speaks first, unique while they live, and echoed. */
export type SwimInput =
  /** This node comes to life: it is alive with incarnation 1, and its timers run. Exactly once, first. */
  | { readonly kind: "start" }
  /** The messages of one datagram, unpacked, in their order. `from`: its sender by UDP. */
  | { readonly kind: "datagram"; readonly from: NetAddress; readonly messages: readonly GossipMessage[] }
  /** A ping on an inbound stream. */
  | { readonly kind: "streamPing"; readonly inboundId: number; readonly message: PingMessage }
  /** A peer's whole state on an inbound stream. `from`: its address by TCP, for logs. */
  | {
      readonly kind: "pushPullRequest";
      readonly inboundId: number;
      readonly from: NetAddress;
      readonly message: PushPullMessage;
    }
  /** A user message on an inbound stream. Nothing is replied. */
  | { readonly kind: "streamUser"; readonly bytes: Uint8Array }
  /** What the node that `StreamPing` called said. */
  | { readonly kind: "streamPingAnswered"; readonly seqNo: number; readonly message: StreamMessage }
  /** No connection (`reason` undefined: what one expects of a dead node), or an error on it. */
  | { readonly kind: "streamPingFailed"; readonly seqNo: number; readonly reason: string | undefined }
  /** What the peer of `Exchange` said. */
  | { readonly kind: "exchangeAnswered"; readonly exchangeId: number; readonly message: StreamMessage }
  | { readonly kind: "exchangeFailed"; readonly exchangeId: number; readonly reason: string }
  /** Joins through the node at `to`; answered by a `joined` outcome. `node`: its name, if known. */
  | { readonly kind: "join"; readonly joinId: number; readonly to: NetAddress; readonly node?: string }
  /** The delegate's metadata changed: tell everyone. Answered by an `updated` outcome. */
  | { readonly kind: "updateMeta"; readonly updateId: number }
  /** Goes for good, by its own will; the core goes on answering. Answered by a `left` outcome. */
  | { readonly kind: "leave" }
  /** One user message to one node by UDP, nothing else in the packet. `node`: its name, if known. */
  | {
      readonly kind: "sendUser";
      readonly to: NetAddress;
      readonly node?: string;
      readonly bytes: Uint8Array;
    };

/** One packet: one message goes bare, several as a compound. */
export interface Datagram {
  readonly to: NetAddress;
  /** 1…127 encoded messages, each with its type byte; with all overheads at most `udpBufferBytes`. */
  readonly messages: readonly Uint8Array[];
  /** Whether to put a checksum before the packet: the receiver is known to understand it. */
  readonly crc: boolean;
}

/** Dial, send `message`, read one message, report it. */
export interface StreamPing {
  readonly seqNo: number;
  readonly to: NetAddress;
  readonly node: string;
  readonly message: PingMessage;
  readonly timeoutMs: number;
}

/** Dial, send `message`, read one message, report it. */
export interface Exchange {
  readonly exchangeId: number;
  readonly to: NetAddress;
  /** Name of the node, if known. */
  readonly node: string | undefined;
  readonly message: PushPullMessage;
  readonly timeoutMs: number;
}

/** The answer to an inbound request; without a message the connection just closes. */
export interface StreamReply {
  readonly inboundId: number;
  readonly message: AckMessage | PushPullMessage | undefined;
}

/** What became of a request. */
export type SwimOutcome =
  /** `problem` undefined: states were exchanged and merged. Else why not, in the reference's words. */
  | { readonly kind: "joined"; readonly joinId: number; readonly problem: string | undefined }
  /** The new metadata was sent as often as is due, was overtaken by newer, or there is nobody to tell. */
  | { readonly kind: "updated"; readonly updateId: number }
  /** The others were told as often as is due, or there are none. */
  | { readonly kind: "left" };

/** A line for the log, without a component's name in front. */
export interface SwimLog {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly text: string;
}

/** Names as the reference's, `memberlist.` included. */
export type SwimMetric =
  | { readonly kind: "count"; readonly name: string; readonly by: number }
  | { readonly kind: "gauge"; readonly name: string; readonly value: number; readonly nodeState?: string }
  | { readonly kind: "timer"; readonly name: string; readonly ms: number }
  | { readonly kind: "sample"; readonly name: string; readonly value: number }
  /** A time: how long the driver takes to carry out these effects. Within a step none passes. */
  | { readonly kind: "effort"; readonly name: string };

/** What the core wants done; nothing in it waits for anything else. */
export interface SwimEffects {
  readonly datagrams: readonly Datagram[];
  readonly streamPings: readonly StreamPing[];
  readonly exchanges: readonly Exchange[];
  readonly streamReplies: readonly StreamReply[];
  readonly outcomes: readonly SwimOutcome[];
  readonly logs: readonly SwimLog[];
  readonly metrics: readonly SwimMetric[];
  /** When the core next needs the time, if nothing else happens first. */
  readonly wakeAtMs: MonotonicMs;
}
