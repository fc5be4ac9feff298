/** One stream of a pooled connection: one call at a time, and then the next. */
import type { Clock } from "../lib/clock.ts";
import { DecodeError } from "../lib/errors.ts";
import { MsgpackReader } from "../wire/msgpack/reader.ts";
import type { MsgpackWriter } from "../wire/msgpack/writer.ts";
import {
  makingCallPrefix,
  relayedError,
  RpcConnectionError,
  RpcTimeoutError,
} from "../wire/rpc/error-text.ts";
import { PairReader, readResponseHeader, writeRequest } from "../wire/rpc/framing.ts";
import type { RpcMethod } from "../wire/rpc/method.ts";
import { frameRoom } from "./request-stream.ts";
import type { YamuxStream, YamuxStreamHandler } from "./yamux-connection.ts";

/** A call to be made. */
export interface ClientCall<Q, R> {
  readonly method: RpcMethod<Q, R>;
  readonly request: Q;
  /** Numbers the call; the answer must carry it. */
  readonly seq: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** What all streams of a pool share. */
export interface ClientStreamParts {
  readonly clock: Clock;
  /** Used only within one turn. */
  readonly writer: MsgpackWriter;
  readonly responseBytesMax: number;
}

interface Pending {
  readonly method: RpcMethod<unknown, unknown>;
  readonly seq: number;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: Disposable;
  readonly unlisten: () => void;
}

const nothing = (): void => undefined;

export class ClientStream implements YamuxStreamHandler {
  readonly #parts: ClientStreamParts;
  readonly #stream: YamuxStream;
  readonly #released: (stream: ClientStream, isReusable: boolean) => void;
  readonly #reader: PairReader;
  #pending: Pending | undefined;
  #isOver = false;

  /** `released` is called after each call, with whether the stream can take another. */
  constructor(
    parts: ClientStreamParts,
    stream: YamuxStream,
    released: (stream: ClientStream, isReusable: boolean) => void,
  ) {
    this.#parts = parts;
    this.#stream = stream;
    this.#released = released;
    this.#reader = new PairReader(parts.responseBytesMax);
  }

  /** Whether a call may be made. */
  get isIdle(): boolean {
    return !this.#isOver && this.#pending === undefined;
  }

  /** Makes a call. Rejects with what the server answered, or with an error of `error-text.ts`. Only while idle. */
  call<Q, R>(call: ClientCall<Q, R>): Promise<R> {
    return new Promise<unknown>((resolve, reject) => {
      const { writer, clock } = this.#parts;
      let bytes: Uint8Array;
      try {
        writer.raw(frameRoom);
        writeRequest(writer, call);
      } finally {
        // What a failed encoder left must not stand before the next message.
        bytes = writer.take();
      }
      const { signal } = call;
      const abort = (): void => this.#giveUp(new RpcConnectionError(`${makingCallPrefix}canceled`, arrived));
      signal?.addEventListener("abort", abort);
      this.#pending = {
        method: call.method as RpcMethod<unknown, unknown>,
        seq: call.seq,
        resolve,
        reject,
        timer: clock.after(call.timeoutMs, () => this.#giveUp(timeout())),
        unlisten: signal === undefined ? nothing : () => signal.removeEventListener("abort", abort),
      };
      this.#stream.send(bytes);
      if (signal?.aborted === true) abort();
    }) as Promise<R>;
  }

  /** Ends an idle stream. */
  close(): void {
    this.#isOver = true;
    this.#stream.end();
  }

  data(bytes: Uint8Array): void {
    this.#stream.consume(bytes.length);
    if (this.#isOver) return;
    try {
      this.#reader.push(bytes);
      const pair = this.#reader.take();
      if (pair !== undefined) this.#answered(pair);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#giveUp(
        new RpcConnectionError(`${makingCallPrefix}${error.message}`, { ...arrived, cause: error }),
      );
    }
  }

  ended(): void {
    if (this.#isOver) return;
    this.#stream.end();
    this.closed();
  }

  closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // An idle stream that the server closed is found out when it is taken.
    if (this.#pending === undefined) return;
    this.#finish(false)?.reject(new RpcConnectionError(`${makingCallPrefix}EOF`, arrived));
  }

  #answered(pair: Uint8Array): void {
    const { method, seq } = this.#pending ?? {};
    const reader = new MsgpackReader(pair);
    const header = readResponseHeader(reader);
    if (method === undefined || header.Seq !== seq) {
      throw new DecodeError("an answer to another call");
    }
    if (header.Error !== "") {
      // Peers close the stream after an error, and so do we: some errors end it on their side.
      this.close();
      this.#finish(false)?.reject(relayedError(header.Error));
      return;
    }
    const reply = method.reply.decode(reader);
    this.#finish(this.#reader.heldBytes === 0)?.resolve(reply);
  }

  #finish(isReusable: boolean): Pending | undefined {
    const pending = this.#settle();
    this.#released(this, isReusable);
    return pending;
  }

  #giveUp(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.reset();
    this.#finish(false)?.reject(error);
  }

  #settle(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.timer[Symbol.dispose]();
    pending?.unlisten();
    return pending;
  }
}

const arrived = { mayHaveArrived: true } as const;

/** Source: yamux's text for a deadline. */
function timeout(): RpcTimeoutError {
  return new RpcTimeoutError(`${makingCallPrefix}i/o deadline reached`);
}
