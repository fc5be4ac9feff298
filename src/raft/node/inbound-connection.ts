/**
 * One peer's connection: requests one after another, answered in that order.
 *
 *     bytes ─▶ type byte + map ─▶ handler ─▶ answers in the order of the requests ─▶ one write a turn
 *                  └─ InstallSnapshot: the bytes that follow go to the handler; what it leaves is thrown away
 *
 * Several requests may be with the handler at once, so that one sync of the disk serves them all. A peer that
 * does not read its answers is not read from either. What cannot be understood ends the connection without an
 * answer, as peers do. Source: protocol/raft.md §1.
 */
import { assert } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import { DecodeError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { hostPort, type Connection } from "../../lib/net.ts";
import type { InstallSnapshotRequest, RaftRequest } from "../core/messages.ts";
import { ByteQueue, joinBytes } from "./byte-queue.ts";
import { ChunkPipe } from "./chunk-pipe.ts";
import { decodeRequest, encodeReply, requestKindOf } from "./message-codec.ts";
import type { TransportHandler, TransportReply } from "./transport.ts";
import { ValueScanner } from "./value-scanner.ts";

/** Peers keep at most this many under way; more wait in the connection. */
const unansweredMax = 128;
/** Requests below this are not counted against the limit of all peers together. */
const largeBytes = 64 * 1024;

export interface InboundParts {
  readonly connection: Connection;
  readonly handler: TransportHandler;
  readonly clock: Clock;
  readonly log: Log;
  /** A longer request ends the connection. */
  readonly requestBytesMax: number;
  /** A sender that stops in the middle of a snapshot is given up after this. */
  readonly ioTimeoutMs: number;
  /** Whether all peers' incomplete requests together are still within their limit. */
  readonly mayHold: () => boolean;
  /** Called before a connection is dropped for what came over it. */
  readonly refused: (problem: string) => void;
  /** Last call, once. */
  readonly closed: (connection: InboundConnection) => void;
}

interface Slot {
  reply: Uint8Array | undefined;
}

interface Body {
  readonly pipe: ChunkPipe;
  readonly slot: Slot;
  reply: TransportReply | undefined;
}

export class InboundConnection {
  readonly #parts: InboundParts;
  readonly #received = new ByteQueue();
  readonly #scanner = new ValueScanner();
  readonly #slots: Slot[] = [];
  /** The snapshot whose bytes are next. */
  #body: Body | undefined;
  #isScanning = false;
  /** The peer has not taken our answers. */
  #isChoked = false;
  #isPaused = false;
  #isFlushing = false;
  #isEnded = false;
  #isClosed = false;
  #lastReceivedMs: number;
  #silence: Disposable | undefined;

  constructor(parts: InboundParts) {
    this.#parts = parts;
    this.#lastReceivedMs = parts.clock.monotonicMs();
  }

  /** Bytes of requests that are not complete. */
  get heldBytes(): number {
    return this.#received.length;
  }
  /** When something last came. */
  get lastReceivedMs(): number {
    return this.#lastReceivedMs;
  }

  /** Takes the connection over; `rest` came before. */
  start(rest: Uint8Array): void {
    this.#parts.connection.handle({
      data: (bytes) => this.#take(bytes),
      ended: () => {
        this.#isEnded = true;
        this.#endIfDone();
      },
      closed: (error) => this.#close(error),
      drained: () => {
        this.#isChoked = false;
        this.#advance();
      },
    });
    if (rest.length > 0) this.#take(rest);
  }

  /** Drops the connection. */
  destroy(): void {
    this.#parts.connection.destroy();
    this.#close(undefined);
  }

  #take(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#lastReceivedMs = this.#parts.clock.monotonicMs();
    this.#received.push(bytes);
    this.#advance();
  }

  #advance(): void {
    try {
      while (
        !this.#isClosed &&
        (this.#body === undefined ? this.#takeRequest() : this.#takeBody(this.#body))
      );
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#parts.refused(error.message);
      return this.destroy();
    }
    if (!this.#isClosed) this.#setPaused();
  }

  /** True if something was taken. */
  #takeRequest(): boolean {
    if (this.#slots.length >= unansweredMax || this.#isChoked || this.#received.length === 0) return false;
    const { bytes } = this.#received;
    const kind = requestKindOf(bytes[0] ?? -1);
    if (kind === undefined) throw new DecodeError(`unknown rpc type ${bytes[0]}`);
    if (!this.#isScanning) {
      this.#scanner.start(1, 1);
      this.#isScanning = true;
    }
    const end = this.#scanner.scan(bytes);
    if (end === undefined) {
      const { requestBytesMax, mayHold } = this.#parts;
      if (bytes.length > requestBytesMax) throw new DecodeError("request too large");
      if (bytes.length > largeBytes && !mayHold()) throw new DecodeError("too many large requests");
      return false;
    }
    this.#isScanning = false;
    const message = decodeRequest(kind, owned(this.#received.take(end).subarray(1), kind));
    if (message.kind === "installSnapshot") this.#beginBody(message);
    else this.#ask(message);
    return true;
  }

  #ask(message: Exclude<RaftRequest, InstallSnapshotRequest>): void {
    const slot: Slot = { reply: undefined };
    this.#slots.push(slot);
    void this.#parts.handler
      .request(message, this.#parts.connection.remote.host)
      .then((reply) => this.#reply(slot, reply));
  }

  #beginBody(message: InstallSnapshotRequest): void {
    const pipe = new ChunkPipe(message.sizeBytes, {
      pause: () => this.#setPaused(),
      resume: () => {
        this.#lastReceivedMs = this.#parts.clock.monotonicMs();
        this.#setPaused();
      },
    });
    const body: Body = { pipe, slot: { reply: undefined }, reply: undefined };
    this.#slots.push(body.slot);
    this.#body = body;
    this.#watchSilence();
    const transfer = { message, chunks: pipe.chunks };
    void this.#parts.handler.snapshot(transfer, this.#parts.connection.remote.host).then((reply) => {
      body.reply = reply;
      // A refused snapshot is read to its end all the same: the peer sends it before it listens.
      pipe.drop();
      this.#endBody(body);
      if (!this.#isClosed) this.#advance();
    });
  }

  #takeBody(body: Body): boolean {
    const { pipe } = body;
    if (this.#received.length > 0 && pipe.missing > 0)
      pipe.write(this.#received.take(Math.min(pipe.missing, this.#received.length)));
    // Nothing more is read from the connection until the snapshot is answered: no peer sends more.
    return this.#endBody(body);
  }

  #endBody(body: Body): boolean {
    if (this.#body !== body || body.reply === undefined || body.pipe.missing > 0) return false;
    this.#body = undefined;
    this.#silence?.[Symbol.dispose]();
    this.#reply(body.slot, body.reply);
    return true;
  }

  #watchSilence(): void {
    const { clock, ioTimeoutMs } = this.#parts;
    this.#silence = clock.after(ioTimeoutMs, () => {
      const body = this.#body;
      if (body === undefined || this.#isClosed) return;
      const silentMs = clock.monotonicMs() - this.#lastReceivedMs;
      if (body.pipe.missing > 0 && !this.#isPaused && silentMs >= ioTimeoutMs) this.#giveUp();
      else this.#watchSilence();
    });
  }

  #reply(slot: Slot, reply: TransportReply): void {
    slot.reply = encodeReply(reply);
    if (this.#isClosed || this.#isFlushing || this.#slots[0]?.reply === undefined) return;
    this.#isFlushing = true;
    // Answers that become ready together leave in one write.
    queueMicrotask(() => {
      this.#isFlushing = false;
      if (!this.#isClosed) this.#flush();
    });
  }

  #flush(): void {
    const ready: Uint8Array[] = [];
    for (let first = this.#slots[0]; first?.reply !== undefined; first = this.#slots[0]) {
      ready.push(first.reply);
      this.#slots.shift();
    }
    if (ready.length > 0 && !this.#parts.connection.write(joinBytes(ready))) this.#isChoked = true;
    this.#endIfDone();
    this.#advance();
  }

  #setPaused(): void {
    const mustPause =
      this.#isChoked ||
      (this.#body === undefined ? this.#slots.length >= unansweredMax : this.#body.pipe.isPaused);
    if (mustPause === this.#isPaused || this.#isClosed) return;
    this.#isPaused = mustPause;
    if (mustPause) this.#parts.connection.pause();
    else this.#parts.connection.resume();
  }

  #giveUp(): void {
    const { log, connection } = this.#parts;
    log.error("the sender of a snapshot is silent", { from: hostPort(connection.remote) });
    this.destroy();
  }

  /** The peer sends no more: it gets the answers under way, and then the connection ends. */
  #endIfDone(): void {
    const isCut = this.#body !== undefined && this.#body.pipe.missing > 0;
    if (this.#isEnded && (this.#slots.length === 0 || isCut)) this.destroy();
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#silence?.[Symbol.dispose]();
    this.#body?.pipe.fail(error ?? new Error("the sender of a snapshot has gone"));
    assert(this.#slots.length <= unansweredMax + 1, "answers are bounded");
    this.#parts.closed(this);
  }
}

/** Entries live long: they must not hold on to a buffer in which they are only a small part. */
function owned(body: Uint8Array, kind: RaftRequest["kind"]): Uint8Array {
  return kind === "appendEntries" && body.buffer.byteLength > 2 * body.length ? body.slice() : body;
}
