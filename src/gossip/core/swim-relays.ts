/**
 * Probes on behalf of others.
 *
 *     asker ── indirectPing 7 ──▶ this node ── ping 42 ──▶ target
 *     asker ◀── ack 7 ─────────── this node ◀── ack 42 ─── target
 *     asker ◀── nack 7 ────────── this node      (no ack within the probe timeout)
 *
 * A nack tells the asker that at least the way to this node works. Source: SWIM section 3.1; Lifeguard, LHA-Probe.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { IndirectPingMessage } from "../../wire/gossip/messages.ts";
import type { Dissemination } from "./swim-dissemination.ts";
import type { SwimState } from "./swim-state.ts";

interface Relay {
  /** The asker's own number. */
  readonly seqNo: number;
  readonly asker: NetAddress;
  readonly nack: boolean;
  readonly untilMs: MonotonicMs;
}

/** Owned by one `Swim`. */
export class Relays {
  readonly #state: SwimState;
  readonly #news: Dissemination;
  /** By our own number; since all last equally long, the oldest is the first to end. */
  readonly #open = new Map<number, Relay>();

  constructor(state: SwimState, news: Dissemination) {
    this.#state = state;
    this.#news = news;
  }

  get size(): number {
    return this.#open.size;
  }

  /** When the next relay ends. */
  nextMs(): MonotonicMs | undefined {
    // Most steps have none, and an empty walk costs too.
    if (this.#open.size === 0) return undefined;
    for (const { untilMs } of this.#open.values()) return untilMs;
    return undefined;
  }

  /** Probes `message.target` for the sender. */
  ask(message: IndirectPingMessage, from: NetAddress): void {
    const { options, outbox, nowMs, name, address } = this.#state;
    if (this.#open.size >= options.relaysMax) return outbox.count("relays.refused");
    const seqNo = this.#state.nextSequence();
    this.#open.set(seqNo, {
      seqNo: message.seqNo,
      asker: replyAddress(message.source, from),
      nack: message.nack,
      untilMs: (nowMs + options.probeTimeoutMs) as MonotonicMs,
    });
    const target = this.#state.withPort(message.target);
    const ping = { kind: "ping", seqNo, node: message.node, source: address, sourceNode: name } as const;
    this.#news.sendWithNews(target, ping);
  }

  /** An ack came that may be for a relay. */
  ack(seqNo: number): void {
    const relay = this.#open.get(seqNo);
    if (relay === undefined) return;
    this.#open.delete(seqNo);
    this.#news.sendWithNews(relay.asker, { kind: "ack", seqNo: relay.seqNo, payload: null });
  }

  /** Ends what took too long. */
  fire(): void {
    if (this.#open.size === 0) return;
    for (const [seqNo, relay] of this.#open) {
      if (relay.untilMs > this.#state.nowMs) return;
      this.#open.delete(seqNo);
      if (relay.nack) this.#news.sendWithNews(relay.asker, { kind: "nack", seqNo: relay.seqNo });
    }
  }
}

/** Where an answer goes: to where the asker says it is, else to where the packet came from. */
export function replyAddress(source: NetAddress | undefined, from: NetAddress): NetAddress {
  return source !== undefined && source.port > 0 ? source : from;
}
