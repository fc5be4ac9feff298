/**
 * One connection to a peer on which requests are answered in the order in which they were sent.
 *
 * It is dialled when something is sent and there is none. A request that is not answered in its time ends the
 * connection: later answers could not be told apart, and a new connection gets through a healed network sooner.
 */
import type { Clock } from "../../lib/clock.ts";
import { DecodeError } from "../../lib/errors.ts";
import type { Connection } from "../../lib/net.ts";
import type { RaftRequest } from "../core/messages.ts";
import { ByteQueue, joinBytes } from "./byte-queue.ts";
import { decodeReply } from "./message-codec.ts";
import type { TransportAnswer } from "./transport.ts";
import { ValueScanner } from "./value-scanner.ts";

/** More unanswered requests than this are refused; the core keeps far fewer under way. */
const unansweredMax = 512;
/** A longer answer is none. */
const answerBytesMax = 1024 * 1024;
/** Error text and body. */
const valuesOfAnswer = 2;

export interface LaneParts {
  readonly clock: Clock;
  /** Connects; what it answers has sent nothing yet. */
  readonly dial: () => Promise<Connection>;
  /** Sent first on each connection. */
  readonly preamble: Uint8Array;
  /** The connection ended, or could not be made; `error` unless this side closed it. */
  readonly lost: (lane: RequestLane, error: Error) => void;
}

/** `gone`: the peer closed the connection; perhaps it does not know the request. */
export type LaneAnswer = TransportAnswer | { readonly kind: "gone" };

/** One request as bytes. */
export interface LaneRequest {
  readonly kind: RaftRequest["kind"];
  readonly bytes: Uint8Array;
  readonly timeoutMs: number;
}

interface Slot {
  readonly kind: RaftRequest["kind"];
  readonly sentMs: number;
  readonly deadlineMs: number;
  readonly resolve: (answer: LaneAnswer) => void;
}

/** A request was not answered in its time. */
export class AnswerTimeoutError extends Error {
  /** When the oldest unanswered request was sent, on the clock of the lane. */
  readonly sentMs: number;
  constructor(sentMs: number) {
    super("no answer in time");
    this.sentMs = sentMs;
  }
}

export class RequestLane {
  readonly #parts: LaneParts;
  readonly #slots: Slot[] = [];
  readonly #scanner = new ValueScanner();
  #received = new ByteQueue();
  #outgoing: Uint8Array[] = [];
  #connection: Connection | undefined;
  /** Changes with each connection, so that callbacks of an old one are known. */
  #attempt = 0;
  #isDialling = false;
  #timer: Disposable | undefined;
  #lastUsedMs: number;
  #lastReceivedMs = 0;

  constructor(parts: LaneParts) {
    this.#parts = parts;
    this.#lastUsedMs = parts.clock.monotonicMs();
  }

  /** When something was last sent. */
  get lastUsedMs(): number {
    return this.#lastUsedMs;
  }
  get isIdle(): boolean {
    return this.#slots.length === 0;
  }
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Whether requests are under way and nothing came back since `sinceMs`. */
  isSilentSince(sinceMs: number): boolean {
    return this.#slots.length > 0 && this.#lastReceivedMs < sinceMs;
  }

  /** Queues a request until `flush`. Never rejects; settles within `timeoutMs`. */
  send(request: LaneRequest): Promise<LaneAnswer> {
    if (this.#slots.length >= unansweredMax) return Promise.resolve({ kind: "failed" });
    const nowMs = this.#parts.clock.monotonicMs();
    this.#lastUsedMs = nowMs;
    this.#outgoing.push(request.bytes);
    return new Promise((resolve) => {
      const deadlineMs = nowMs + request.timeoutMs;
      this.#slots.push({ kind: request.kind, sentMs: nowMs, deadlineMs, resolve });
      if (this.#slots.length === 1) this.#watch();
    });
  }

  /** Writes what was sent, at once if connected. */
  flush(): void {
    if (this.#outgoing.length === 0) return;
    if (this.#connection === undefined) return this.#dial();
    const pieces = this.#outgoing;
    this.#outgoing = [];
    this.#connection.write(joinBytes(pieces));
  }

  /** Ends the connection; what is unanswered fails. Sending again dials again. */
  close(): void {
    this.#drop({ kind: "failed" });
  }

  #dial(): void {
    if (this.#isDialling) return;
    this.#isDialling = true;
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#parts.dial().then(
      (connection) => {
        if (attempt !== this.#attempt) return connection.destroy();
        this.#isDialling = false;
        this.#opened(connection);
      },
      (error: unknown) => {
        if (attempt === this.#attempt) this.#lost(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  #opened(connection: Connection): void {
    const attempt = this.#attempt;
    this.#connection = connection;
    this.#received = new ByteQueue();
    this.#scanner.start(0, valuesOfAnswer);
    connection.handle({
      data: (bytes) => {
        if (attempt === this.#attempt) this.#take(bytes);
      },
      ended: () => {
        if (attempt === this.#attempt) this.#gone(new Error("the peer closed the connection"));
      },
      closed: (error) => {
        if (attempt === this.#attempt) this.#gone(error ?? new Error("the connection was closed"));
      },
    });
    if (this.#parts.preamble.length > 0) this.#outgoing.unshift(this.#parts.preamble);
    this.flush();
  }

  #take(bytes: Uint8Array): void {
    this.#lastReceivedMs = this.#parts.clock.monotonicMs();
    this.#received.push(bytes);
    try {
      for (;;) {
        const end = this.#scanner.scan(this.#received.bytes);
        if (end === undefined) break;
        this.#answer(this.#received.take(end));
        this.#scanner.start(0, valuesOfAnswer);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return this.#lost(error);
    }
    if (this.#received.length > answerBytesMax) this.#lost(new DecodeError("raft: an answer is too long"));
  }

  #answer(bytes: Uint8Array): void {
    const slot = this.#slots[0];
    if (slot === undefined) throw new DecodeError("raft: an answer that nobody asked for");
    const reply = decodeReply(slot.kind, bytes);
    this.#slots.shift();
    this.#watch();
    slot.resolve(reply.kind === "response" ? reply : { kind: "failed", remoteError: reply.error });
  }

  #gone(error: Error): void {
    this.#lost(error, { kind: "gone" });
  }

  #lost(error: Error, answer: LaneAnswer = { kind: "failed" }): void {
    this.#drop(answer);
    this.#parts.lost(this, error);
  }

  #drop(answer: LaneAnswer): void {
    this.#attempt += 1;
    this.#isDialling = false;
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#outgoing = [];
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    for (const slot of this.#slots.splice(0)) slot.resolve(answer);
  }

  /** One timer for the oldest request: it is answered first. */
  #watch(): void {
    const oldest = this.#slots[0];
    // A timer that fires for an answered request only looks again; moving it for each would cost more.
    if (oldest === undefined || this.#timer !== undefined) return;
    const { clock } = this.#parts;
    this.#timer = clock.after(Math.max(0, oldest.deadlineMs - clock.monotonicMs()), () => {
      this.#timer = undefined;
      const first = this.#slots[0];
      if (first !== undefined && first.deadlineMs <= clock.monotonicMs())
        this.#lost(new AnswerTimeoutError(first.sentMs));
      else this.#watch();
    });
  }
}

/** For who does not care why there was no answer. */
export function toTransportAnswer(answer: LaneAnswer): TransportAnswer {
  return answer.kind === "gone" ? { kind: "failed" } : answer;
}
