/** Two ends of one stream in memory, with the manners of sockets. See `memory-net.ts`. */
import type { Connection, ConnectionHandler, NetAddress } from "./net.ts";
import { NetworkError } from "./network-error.ts";

/** Bytes under way beyond which `write` asks to wait. */
const highWaterBytes = 64 * 1024;

export interface PairOptions {
  readonly near: NetAddress;
  readonly far: NetAddress;
  readonly defer: (run: () => void) => void;
  /** While true, nothing arrives; what was sent is lost, so the stream is of no use afterwards. */
  readonly isCut: () => boolean;
}

/** Both ends of a new stream: the dialler's, then the acceptor's. */
export function connectionPair(options: PairOptions): readonly [Connection, Connection] {
  const near = new MemoryConnection(options, { local: options.near, remote: options.far });
  const far = new MemoryConnection(options, { local: options.far, remote: options.near });
  near.join(far);
  far.join(near);
  return [near, far];
}

type Item =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "closed"; readonly error: Error | undefined };

class MemoryConnection implements Connection {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  readonly #options: PairOptions;
  #peer: MemoryConnection | undefined;
  #handler: ConnectionHandler | undefined;
  readonly #inbox: Item[] = [];
  #isScheduled = false;
  #isPaused = false;
  /** This end sends no more. */
  #hasEnded = false;
  /** The peer sends no more, and that was delivered. */
  #peerEnded = false;
  #isClosed = false;
  #underWayBytes = 0;

  constructor(options: PairOptions, ends: { readonly local: NetAddress; readonly remote: NetAddress }) {
    this.#options = options;
    this.local = ends.local;
    this.remote = ends.remote;
  }

  join(peer: MemoryConnection): void {
    this.#peer = peer;
  }

  handle(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#schedule();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#hasEnded || bytes.length === 0) return true;
    if (this.#peer?.isClosed === true) {
      this.#close(reset());
      return true;
    }
    this.#underWayBytes += bytes.length;
    this.#peer?.push({ kind: "bytes", bytes });
    return this.#underWayBytes <= highWaterBytes;
  }

  end(): void {
    if (this.#isClosed || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#peer?.push({ kind: "end" });
    if (this.#peerEnded) this.#close(undefined);
  }

  destroy(): void {
    if (this.#isClosed) return;
    if (!this.#hasEnded) this.#peer?.push({ kind: "end" });
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

  get isClosed(): boolean {
    return this.#isClosed;
  }

  push(item: Item): void {
    if (this.#isClosed || this.#options.isCut()) return;
    this.#inbox.push(item);
    this.#schedule();
  }

  taken(byteCount: number): void {
    const wasFull = this.#underWayBytes > highWaterBytes;
    this.#underWayBytes -= byteCount;
    if (wasFull && this.#underWayBytes <= highWaterBytes && !this.#isClosed) this.#handler?.drained?.();
  }

  #close(error: Error | undefined): void {
    this.#isClosed = true;
    this.#inbox.length = 0;
    this.#inbox.push({ kind: "closed", error });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.defer(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#handler !== undefined && (!this.#isPaused || this.#isClosed)) {
      const item = this.#inbox.shift();
      if (item === undefined) return;
      if (item.kind === "bytes") {
        this.#handler.data(item.bytes);
        this.#peer?.taken(item.bytes.length);
      } else if (item.kind === "closed") {
        this.#handler.closed(item.error);
      } else {
        this.#peerEnded = true;
        this.#handler.ended();
        if (this.#hasEnded && !this.#isClosed) this.#close(undefined);
      }
    }
  }
}

function reset(): NetworkError {
  return new NetworkError("read: connection reset by peer", {
    errno: "ECONNRESET",
    address: undefined,
    cause: undefined,
  });
}
