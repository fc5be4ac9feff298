/**
 * Serves the requests of one stream, one after another.
 *
 * A request whose method is unknown or whose argument cannot be read is answered with the reason, and the
 * stream is closed, as peers do and expect; an error that the method answers leaves the stream open. When the
 * peer ends or drops the stream, the request under way is told so and its answer is dropped.
 * Source: protocol reference, RPC section 3.
 */
import { DecodeError, ProconsulError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { MsgpackReader } from "../wire/msgpack/reader.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { tryElsewhereText } from "../wire/rpc/error-text.ts";
import { PairReader, readRequestHeader, writeErrorReply, writeReply } from "../wire/rpc/framing.ts";
import type { RequestHeader } from "../wire/rpc/framing.ts";
import type { RpcMethod } from "../wire/rpc/method.ts";
import { frameHeaderBytes } from "../wire/yamux/frame.ts";
import type { RpcService } from "./service.ts";

/** Room that every message keeps free in front for the header of a frame. */
export const frameRoom = new Uint8Array(frameHeaderBytes);

/** Where answers go. */
export interface RequestStreamOutput {
  /** Sends bytes that begin with `frameHeaderBytes` of room. False: wait for `drained` before the next. */
  send(bytes: Uint8Array): boolean;
  /** So many bytes of the peer's have been dealt with. */
  consume(byteCount: number): void;
  /** Sends no more and wants no more. */
  close(): void;
}

/** What the streams of one connection share. */
export interface RequestStreamParts {
  readonly service: RpcService;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly requestBytesMax: number;
  readonly budget: ConnectionBudget;
  /** Used only within one turn. */
  readonly writer: MsgpackWriter;
}

/** What all streams of one connection may use together. */
export class ConnectionBudget {
  readonly #requestsMax: number;
  readonly #heldBytesMax: number;
  #requests = 0;
  #heldBytes = 0;

  constructor(max: { readonly requests: number; readonly heldBytes: number }) {
    this.#requestsMax = max.requests;
    this.#heldBytesMax = max.heldBytes;
  }

  /** Whether no further request may be served now. */
  get isBusy(): boolean {
    return this.#requests >= this.#requestsMax;
  }

  /** Whether more bytes of requests wait than may. */
  get isOverfull(): boolean {
    return this.#heldBytes > this.#heldBytesMax;
  }

  begin(): void {
    this.#requests += 1;
  }

  end(): void {
    this.#requests -= 1;
  }

  /** Bytes came (positive) or were used up (negative). */
  hold(byteCount: number): void {
    this.#heldBytes += byteCount;
  }
}

export class RequestStream {
  readonly #parts: RequestStreamParts;
  readonly #output: RequestStreamOutput;
  readonly #reader: PairReader;
  /** Fires when the peer no longer wants what is under way; made once, since streams live long. */
  readonly #gone = new AbortController();
  #unconsumedBytes = 0;
  #isBusy = false;
  /** An answer waits for the peer to read; the next request waits for it. */
  #isStalled = false;
  #isClosed = false;

  constructor(parts: RequestStreamParts, output: RequestStreamOutput) {
    this.#parts = parts;
    this.#output = output;
    this.#reader = new PairReader(parts.requestBytesMax);
  }

  /** Bytes of the peer. */
  data(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#reader.push(bytes);
    this.#unconsumedBytes += bytes.length;
    this.#parts.budget.hold(bytes.length);
    this.#next();
    if (this.#parts.budget.isOverfull && !this.#isClosed) {
      this.#parts.log.warn("a connection holds too much of requests that are not whole");
      this.#close();
    }
  }

  /** Everything sent has left. */
  drained(): void {
    this.#isStalled = false;
    this.#next();
  }

  /** The peer sends no more, so it waits for nothing either: its streams are closed as a whole. */
  ended(): void {
    if (!this.#isClosed) this.#close();
  }

  /** The stream is gone. */
  closed(): void {
    if (!this.#isClosed) this.#forget();
  }

  #next(): void {
    while (!this.#isBusy && !this.#isStalled && !this.#isClosed) {
      let pair: Uint8Array | undefined;
      try {
        pair = this.#reader.take();
        if (pair === undefined) return this.#consume();
        this.#parts.budget.hold(-pair.length);
        this.#serve(pair);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        this.#parts.log.warn("a request could not be read", { error: error.message });
        return this.#close();
      }
    }
  }

  /** While a request is served, what follows it stays in the peer's window. */
  #consume(): void {
    if (this.#unconsumedBytes === 0) return;
    const byteCount = this.#unconsumedBytes;
    this.#unconsumedBytes = 0;
    this.#output.consume(byteCount);
  }

  #serve(pair: Uint8Array): void {
    const { service, metrics, budget } = this.#parts;
    const reader = new MsgpackReader(pair);
    const header = readRequestHeader(reader);
    metrics.count("rpc.request");
    const method = service.methodNamed(header.ServiceMethod);
    if (method === undefined) return this.#refuse(header, missingText(service, header.ServiceMethod));
    let request: unknown;
    try {
      request = method.request.decode(reader);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return this.#refuse(header, error.message);
    }
    if (budget.isBusy) return this.#fail(header, tryElsewhereText);
    this.#isBusy = true;
    budget.begin();
    service.call(method, request, this.#gone.signal).then(
      (reply) => this.#reply(header, method, reply),
      (error: unknown) => this.#failed(header, error),
    );
  }

  #reply(header: RequestHeader, method: RpcMethod<unknown, unknown>, reply: unknown): void {
    const { writer } = this.#parts;
    if (!this.#isClosed) {
      try {
        writer.raw(frameRoom);
        writeReply(writer, { seq: header.Seq, method, reply });
        this.#send(writer.take());
      } catch (error) {
        // A reply that does not fit its own codec: our bug, but not the end of the other streams.
        writer.take();
        return this.#failed(header, error);
      }
    }
    this.#done();
  }

  #failed(header: RequestHeader, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (!(error instanceof ProconsulError)) {
      this.#parts.log.error("an RPC method failed unexpectedly", {
        method: header.ServiceMethod,
        error: error instanceof Error ? (error.stack ?? text) : text,
      });
    }
    if (!this.#isClosed) this.#fail(header, text);
    this.#done();
  }

  #done(): void {
    this.#isBusy = false;
    this.#parts.budget.end();
    this.#next();
  }

  #fail(header: RequestHeader, text: string): void {
    const { writer, metrics } = this.#parts;
    metrics.count("rpc.request_error");
    writer.raw(frameRoom);
    // No text would mean no error.
    writeErrorReply(writer, { Error: text === "" ? "unknown error" : text, ...header });
    this.#send(writer.take());
  }

  #send(bytes: Uint8Array): void {
    this.#isStalled = !this.#output.send(bytes);
  }

  #refuse(header: RequestHeader, text: string): void {
    this.#fail(header, text);
    this.#close();
  }

  #close(): void {
    this.#forget();
    this.#output.close();
  }

  #forget(): void {
    this.#isClosed = true;
    this.#parts.budget.hold(-this.#reader.heldBytes);
    this.#gone.abort();
  }
}

/** Source: net/rpc's texts. */
function missingText(service: RpcService, name: string): string {
  const dot = name.lastIndexOf(".");
  if (dot < 0) return `rpc: service/method request ill-formed: ${name}`;
  return service.hasService(name.slice(0, dot))
    ? `rpc: can't find method ${name}`
    : `rpc: can't find service ${name}`;
}
