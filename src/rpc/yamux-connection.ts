/**
 * Drives a yamux session over a connection: hands events to the streams' owners and output to the socket.
 *
 * Output is written once for everything that happened in one turn, as one buffer where it is small, so that
 * many answers cost one system call.
 */
import type { Clock } from "../lib/clock.ts";
import type { Connection } from "../lib/net.ts";
import { must } from "../lib/assert.ts";
import { defaultYamuxOptions, type YamuxOptions } from "../wire/yamux/options.ts";
import { YamuxSession, type YamuxEvent } from "../wire/yamux/session.ts";

/** Chunks below this size are copied together before they are written. */
const joinedBytesMax = 64 * 1024;
/** Frames that may pile up for a peer that does not read, besides data, which waits in its streams. */
const blockedBytesMax = 4 * 1024 * 1024;
/** How long a connection that was ended here may take to close. */
const lingerMs = 1_000;

/** Receives what happens on one stream. */
export interface YamuxStreamHandler {
  /** Bytes in order, as a view that stays valid; `consume` them when they have been dealt with. */
  data(bytes: Uint8Array): void;
  /** The peer sends no more. */
  ended(): void;
  /** Last call, exactly once, unless this side has reset the stream. */
  closed(): void;
  /** Everything sent has left, after `send` had answered `false`. */
  drained?(): void;
}

export interface YamuxConnectionParts {
  readonly connection: Connection;
  readonly role: "dialler" | "acceptor";
  readonly clock: Clock;
  readonly options?: YamuxOptions;
  /**
   * Calls back when the I/O that is due has been handled: what came of all of it leaves in one write. Default: at
   * the end of the callback in which it came.
   */
  readonly defer?: (run: () => void) => void;
  /** Answers the handler of a stream that the peer opened; without it the peer's streams are refused. */
  readonly accept?: (stream: YamuxStream) => YamuxStreamHandler;
  /** Called once, after the streams were told; `problem` if the connection did not end in order. */
  readonly closed: (problem: string | undefined) => void;
}

export class YamuxConnection {
  readonly #parts: YamuxConnectionParts;
  readonly #session: YamuxSession;
  readonly #handlers = new Map<number, YamuxStreamHandler>();
  #timer: Disposable | undefined;
  readonly #defer: (run: () => void) => void;
  #isFlushScheduled = false;
  #isBlocked = false;
  #blockedBytes = 0;
  #isClosed = false;

  /** Takes the connection over; `rest` are bytes of it that came already. */
  constructor(parts: YamuxConnectionParts, rest?: Uint8Array) {
    this.#parts = parts;
    const { connection, role, clock, options = defaultYamuxOptions, defer = queueMicrotask } = parts;
    this.#defer = defer;
    this.#session = new YamuxSession(role, options, clock.monotonicMs());
    connection.handle({
      data: (bytes) => this.#receive(bytes),
      ended: () => this.#close(undefined),
      closed: (error) => this.#close(error?.message),
      drained: () => this.#drained(),
    });
    this.#arm();
    if (rest !== undefined && rest.length > 0) this.#receive(rest);
  }

  /** Whether streams may be opened. */
  get canOpen(): boolean {
    return !this.#isClosed && this.#session.canOpen;
  }

  get streamCount(): number {
    return this.#session.streamCount;
  }

  /** Opens a stream, which may be written to at once. Only while `canOpen`. */
  open(handlerOf: (stream: YamuxStream) => YamuxStreamHandler): YamuxStream {
    const stream = new YamuxStream(this, this.#session.open(this.#parts.clock.monotonicMs()));
    this.#handlers.set(stream.id, handlerOf(stream));
    this.#scheduleFlush();
    return stream;
  }

  /** Asks the peer to open no more streams. */
  goAway(): void {
    this.#session.goAway();
    this.#scheduleFlush();
  }

  /** Drops the connection and every stream. */
  close(): void {
    if (this.#isClosed) return;
    this.#flush();
    this.#close(undefined);
  }

  /** For `YamuxStream`. */
  send(streamId: number, bytes: Uint8Array): boolean {
    this.#session.writeWithRoom(streamId, bytes);
    this.#scheduleFlush();
    return this.#session.pendingBytes(streamId) === 0;
  }

  /** For `YamuxStream`. */
  consume(streamId: number, byteCount: number): void {
    this.#session.consume(streamId, byteCount);
    if (this.#session.hasOutput) this.#scheduleFlush();
  }

  /** For `YamuxStream`. */
  end(streamId: number): void {
    this.#session.end(streamId, this.#parts.clock.monotonicMs());
    this.#scheduleFlush();
  }

  /** For `YamuxStream`. */
  reset(streamId: number): void {
    this.#handlers.delete(streamId);
    this.#session.reset(streamId);
    this.#scheduleFlush();
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#session.receive(bytes, this.#parts.clock.monotonicMs());
    this.#dispatch();
    if (this.#session.hasOutput) this.#scheduleFlush();
  }

  #dispatch(): void {
    for (let events = this.#session.takeEvents(); events.length > 0; events = this.#session.takeEvents()) {
      for (const event of events) this.#event(event);
    }
  }

  #event(event: YamuxEvent): void {
    switch (event.kind) {
      case "data":
        this.#handlers.get(event.streamId)?.data(event.bytes);
        return;
      case "opened":
        return this.#opened(event.streamId);
      case "ended":
        this.#handlers.get(event.streamId)?.ended();
        return;
      case "closed": {
        const handler = this.#handlers.get(event.streamId);
        this.#handlers.delete(event.streamId);
        handler?.closed();
        return;
      }
      case "drained":
        this.#handlers.get(event.streamId)?.drained?.();
        return;
      case "goAway":
        return;
      case "failed":
        this.#flush();
        return this.#close(event.problem);
    }
  }

  #opened(streamId: number): void {
    const { accept } = this.#parts;
    if (accept === undefined) return this.#session.reset(streamId);
    this.#session.accept(streamId);
    this.#handlers.set(streamId, accept(new YamuxStream(this, streamId)));
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled || this.#isClosed) return;
    this.#isFlushScheduled = true;
    this.#defer(() => {
      this.#isFlushScheduled = false;
      this.#dispatch();
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isClosed || !this.#session.hasOutput) return;
    const chunks = this.#session.takeOutput();
    for (let at = 0; at < chunks.length;) {
      const { bytes, next } = joined(chunks, at);
      at = next;
      this.#write(bytes);
    }
  }

  #write(bytes: Uint8Array): void {
    if (this.#isBlocked) this.#blockedBytes += bytes.length;
    if (this.#parts.connection.write(bytes)) return;
    if (!this.#isBlocked) this.#session.setWritable(false, this.#parts.clock.monotonicMs());
    this.#isBlocked = true;
    if (this.#blockedBytes > blockedBytesMax) this.#close("the peer does not read what it is sent");
  }

  #drained(): void {
    if (!this.#isBlocked || this.#isClosed) return;
    this.#isBlocked = false;
    this.#blockedBytes = 0;
    this.#session.setWritable(true, this.#parts.clock.monotonicMs());
    this.#dispatch();
    this.#flush();
  }

  #arm(): void {
    const { clock } = this.#parts;
    const delayMs = Math.max(0, this.#session.wakeAtMs - clock.monotonicMs());
    this.#timer = clock.after(delayMs, () => {
      if (this.#isClosed) return;
      this.#session.tick(clock.monotonicMs());
      this.#dispatch();
      this.#flush();
      if (!this.#isClosed) this.#arm();
    });
  }

  #close(problem: string | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    const { connection, clock, closed } = this.#parts;
    connection.end();
    // What was written last may still be on its way; a peer that never closes must not hold the socket.
    clock.after(lingerMs, () => connection.destroy());
    const handlers = [...this.#handlers.values()];
    this.#handlers.clear();
    for (const handler of handlers) handler.closed();
    closed(problem);
  }
}

/** One stream of a connection. */
export class YamuxStream {
  readonly id: number;
  readonly #owner: YamuxConnection;

  constructor(owner: YamuxConnection, id: number) {
    this.#owner = owner;
    this.id = id;
  }

  /**
   * Sends bytes that begin with `frameHeaderBytes` of room and belong to the stream from here on. False: some
   * wait for the peer; `drained` tells when they have left.
   */
  send(bytes: Uint8Array): boolean {
    return this.#owner.send(this.id, bytes);
  }

  /** Lets the peer send as many bytes more. */
  consume(byteCount: number): void {
    this.#owner.consume(this.id, byteCount);
  }

  /** Sends no more; what the peer sends still comes. */
  end(): void {
    this.#owner.end(this.id);
  }

  /** Gives the stream up; its handler hears no more. */
  reset(): void {
    this.#owner.reset(this.id);
  }
}

/** The chunk at `at`, with as many small ones behind it as fit in one write. */
function joined(
  chunks: readonly Uint8Array[],
  at: number,
): { readonly bytes: Uint8Array; readonly next: number } {
  const first = must(chunks[at], "the caller stays within the list");
  let size = first.length;
  let next = at + 1;
  for (; next < chunks.length; next += 1) {
    const { length } = must(chunks[next], "the loop stays within the list");
    if (size + length > joinedBytesMax) break;
    size += length;
  }
  if (next === at + 1) return { bytes: first, next };
  const bytes = new Uint8Array(size);
  let end = 0;
  for (const chunk of chunks.slice(at, next)) {
    bytes.set(chunk, end);
    end += chunk.length;
  }
  return { bytes, next };
}
