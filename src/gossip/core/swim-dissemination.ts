/**
 * Spreading news: the broadcast queue, and packing it with the upper layer's into packets.
 *
 *     ┌ udpBufferBytes ───────────────────────────────────────────────────────────┐
 *     │ crypt, crc │ 2 │ ping? │ news of nodes … │ user messages … │   2 more each │
 *     └───────────────────────────────────────────────────────────────────────────┘
 *
 * News of nodes goes first; what is left of a packet is the upper layer's. Probes and their answers take news along.
 * Source: protocol reference, gossip-memberlist sections 2 and 6.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { AliveMessage, DeadMessage, GossipMessage, SuspectMessage } from "../../wire/gossip/messages.ts";
import { claimOf, isGone, type Belief } from "./belief.ts";
import { BroadcastQueue } from "./broadcast-queue.ts";
import { retransmitLimit } from "./scaling.ts";
import type { SwimOutcome } from "./swim-effects.ts";
import type { SwimState } from "./swim-state.ts";

/** Peers of old versions count parts in 7 bits. */
export const partsMax = 127;
/** Type and count of a compound. */
const compoundBytes = 2;
/** A length in a compound. */
const partBytes = 2;
/** The type byte of a user message. */
const userBytes = 1;
const crcBytes = 5;
/** Peers that speak up to this version check sums. */
const crcVersion = 5;

/** Owned by one `Swim`. */
export class Dissemination {
  readonly #state: SwimState;
  readonly #queue: BroadcastQueue;
  /** What is reported once a broadcast is done. */
  readonly #awaited = new Map<number, SwimOutcome>();
  #token = 0;

  constructor(state: SwimState) {
    this.#state = state;
    this.#queue = new BroadcastQueue(state.newsSlots);
  }

  get queue(): BroadcastQueue {
    return this.#queue;
  }

  /** Tells everyone; replaces what was queued about the same node. `outcome` is reported when that is done. */
  broadcast(message: AliveMessage | SuspectMessage | DeadMessage, outcome?: SwimOutcome): void {
    const { encode, outbox, options } = this.#state;
    const bytes = encode(message);
    const roomBytes =
      options.udpBufferBytes - options.packetOverheadBytes - crcBytes - compoundBytes - partBytes;
    if (bytes.length > roomBytes) {
      outbox.log("error", `Broadcast about '${message.node}' of ${bytes.length} bytes fits no packet`);
      outbox.count("broadcast.oversized");
      if (outcome !== undefined) outbox.outcome(outcome);
      return;
    }
    if (outcome === undefined) return this.#queue.add(bytes, { name: message.node });
    this.#token += 1;
    this.#awaited.set(this.#token, outcome);
    this.#queue.add(bytes, { name: message.node, token: this.#token });
  }

  /** Sends a message with as much news as fits. */
  sendWithNews(to: NetAddress, message: GossipMessage): void {
    const first = this.#state.encode(message);
    const room = this.#room(false) - first.length - partBytes;
    this.#send(to, [first, ...this.#take(room, partsMax - 1)], false);
  }

  /** Sends these messages and nothing else. */
  sendBare(to: NetAddress, messages: readonly GossipMessage[], receiver: Belief | undefined): void {
    const parts = messages.map((message) => this.#state.encode(message));
    this.#send(to, parts, receiver !== undefined && checksSums(receiver));
  }

  /** One round of gossip: a packet of news each for a few random nodes, the lately dead included. */
  gossip(): void {
    const { table, options, outbox, nowMs } = this.#state;
    if (options.gossipNodes === 0) return;
    outbox.effort("gossip");
    const chosen = table.pick(options.gossipNodes, (belief) => this.#mayHear(belief, nowMs));
    for (const belief of chosen) {
      const crc = checksSums(belief);
      const parts = this.#take(this.#room(crc), partsMax);
      if (parts.length === 0) return;
      this.#send(claimOf(belief).address, parts, crc);
    }
  }

  /** Reports broadcasts that are done. Ends a step. */
  conclude(): void {
    for (const token of this.#queue.takeFinished()) {
      const outcome = this.#awaited.get(token);
      this.#awaited.delete(token);
      if (outcome !== undefined) this.#state.outbox.outcome(outcome);
    }
  }

  #mayHear(belief: Belief, nowMs: MonotonicMs): boolean {
    if (belief.node === this.#state.name || belief.kind === "left") return false;
    return !isGone(belief) || nowMs - belief.sinceMs <= this.#state.options.gossipToTheDeadMs;
  }

  /** Bytes of a packet for parts and their lengths. */
  #room(crc: boolean): number {
    const { udpBufferBytes, packetOverheadBytes } = this.#state.options;
    return udpBufferBytes - packetOverheadBytes - compoundBytes - (crc ? crcBytes : 0);
  }

  #take(bytesMax: number, countMax: number): Uint8Array[] {
    const { table, options, delegate, encode } = this.#state;
    const transmitsMax = retransmitLimit(options.retransmitMult, table.size);
    const parts =
      this.#queue.size === 0
        ? []
        : this.#queue.take({ overheadBytes: partBytes, bytesMax, countMax, transmitsMax });
    let left = bytesMax;
    for (const part of parts) left -= part.length + partBytes;
    const overheadBytes = partBytes + userBytes;
    if (left > overheadBytes && parts.length < countMax) {
      for (const bytes of delegate.broadcasts({ overheadBytes, bytesMax: left })) {
        parts.push(encode({ kind: "user", bytes }));
      }
    }
    return parts;
  }

  /** The upper layer may have many tiny messages: those go in several packets. */
  #send(to: NetAddress, parts: readonly Uint8Array[], crc: boolean): void {
    for (let at = 0; at < parts.length; at += partsMax) {
      const messages = parts.length <= partsMax ? parts : parts.slice(at, at + partsMax);
      this.#state.outbox.datagram({ to, messages, crc });
    }
  }
}

function checksSums(belief: Belief): boolean {
  return (claimOf(belief).vsn[1] ?? 0) >= crcVersion;
}
