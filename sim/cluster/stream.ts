/**
 * One TCP connection of a simulated cluster, with the manners of sockets: order, half-closing, back pressure, resets.
 *
 * While a link is cut, what was sent waits, as the system's own retransmissions would have it. A host whose process
 * died resets the connection when it hears of it again; one without power is silent.
 */
import type { Connection, ConnectionHandler, NetAddress } from "../../src/lib/net.ts";
import { failure, type Endpoint, type Link } from "./link.ts";

/** Bytes under way beyond which `write` asks to wait. */
const highWaterBytes = 64 * 1024;
/** How long the system waits before it tries a cut link again. */
const retryMs = 250;

type Item =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "reset" };

/** One side of a stream. */
export interface StreamSide {
  readonly endpoint: Endpoint;
  readonly local: NetAddress;
  readonly remote: NetAddress;
}

/** Both ends, the dialler's first. */
export function openStream(o: {
  readonly network: Link;
  readonly near: StreamSide;
  readonly far: StreamSide;
}): readonly [StreamEnd, StreamEnd] {
  const near = new StreamEnd(o.network, o.near);
  const far = new StreamEnd(o.network, o.far);
  near.join(far);
  far.join(near);
  return [near, far];
}

export class StreamEnd implements Connection {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  readonly #network: Link;
  readonly #endpoint: Endpoint;
  #peer: StreamEnd | undefined;
  #handler: ConnectionHandler | undefined;
  /** Sent, and not there yet; in order. */
  readonly #wire: Item[] = [];
  #lastArrivalMs = 0;
  /** Arrived, and not handed out. */
  readonly #inbox: Item[] = [];
  #isScheduled = false;
  #isPaused = false;
  #hasEnded = false;
  #peerEnded = false;
  #closing: { readonly error: Error | undefined } | undefined;
  #isClosed = false;
  #underWayBytes = 0;

  constructor(network: Link, { endpoint, local, remote }: StreamSide) {
    this.#network = network;
    this.#endpoint = endpoint;
    this.local = local;
    this.remote = remote;
  }

  join(peer: StreamEnd): void {
    this.#peer = peer;
  }

  handle(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#schedule();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closing !== undefined || this.#hasEnded || bytes.length === 0) return true;
    this.#underWayBytes += bytes.length;
    this.#send({ kind: "bytes", bytes });
    return this.#underWayBytes <= highWaterBytes;
  }

  end(): void {
    if (this.#closing !== undefined || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#send({ kind: "end" });
    if (this.#peerEnded) this.#close(undefined);
  }

  destroy(): void {
    if (this.#closing !== undefined) return;
    this.#wire.length = 0;
    if (!this.#hasEnded) this.#send({ kind: "end" });
    this.#hasEnded = true;
    this.#close(undefined);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  #send(item: Item): void {
    const { scheduler } = this.#network;
    this.#wire.push(item);
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, scheduler.nowMs + this.#network.streamDelayMs());
    // Not this life's event: what has left the host arrives without it.
    scheduler.after(this.#lastArrivalMs - scheduler.nowMs, undefined, () => this.#arrive());
  }

  /** The first thing on the wire gets to the other side. */
  #arrive(): void {
    const peer = this.#peer;
    if (this.#wire.length === 0 || peer === undefined) return;
    if (!this.#network.reaches(this.#endpoint.address, peer.#endpoint.address)) {
      this.#network.scheduler.after(retryMs, undefined, () => this.#arrive());
      return;
    }
    const item = this.#wire.shift();
    if (item === undefined) return;
    // A process that is gone, or has closed its end, wants no more: the system says so.
    const isUnwanted = peer.#endpoint.isOver || peer.#closing !== undefined;
    if (!isUnwanted) peer.#take(item);
    else if (item.kind === "bytes") peer.#refuse();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  #refuse(): void {
    const { scheduler } = this.#network;
    const target = this.#peer;
    scheduler.after(this.#network.streamDelayMs(), undefined, () => {
      if (target === undefined || !this.#network.reaches(this.#endpoint.address, target.#endpoint.address))
        return;
      target.#take({ kind: "reset" });
    });
  }

  /** The process died and its system is still there: peers hear of it. */
  abandon(): void {
    this.#refuse();
  }

  #take(item: Item): void {
    if (this.#endpoint.isOver || this.#closing !== undefined) return;
    if (item.kind === "reset") return this.#close(failure("ECONNRESET", this.remote));
    this.#inbox.push(item);
    this.#schedule();
  }

  #close(error: Error | undefined): void {
    this.#closing = { error };
    this.#inbox.length = 0;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#network.scheduler.after(0, this.#endpoint, () => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#handler !== undefined && !this.#isClosed) {
      if (this.#closing !== undefined) {
        this.#isClosed = true;
        this.#handler.closed(this.#closing.error);
        return;
      }
      const item = this.#isPaused ? undefined : this.#inbox.shift();
      if (item === undefined) return;
      if (item.kind === "bytes") {
        this.#peer?.taken(item.bytes.length);
        this.#handler.data(item.bytes.slice());
      } else {
        this.#peerEnded = true;
        this.#handler.ended();
        if (this.#hasEnded && this.#closing === undefined) this.#close(undefined);
      }
    }
  }

  /** The other side has taken so much. */
  taken(byteCount: number): void {
    const wasFull = this.#underWayBytes > highWaterBytes;
    this.#underWayBytes -= byteCount;
    if (!wasFull || this.#underWayBytes > highWaterBytes || this.#closing !== undefined) return;
    this.#network.scheduler.after(0, this.#endpoint, () => {
      if (this.#closing === undefined) this.#handler?.drained?.();
    });
  }
}
