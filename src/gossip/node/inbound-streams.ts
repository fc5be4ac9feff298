/**
 * Streams that peers open: one request each, at most one answer, then the end.
 *
 * A stream that takes too long, says nothing readable or is one too many is closed; a peer that merely encrypts
 * differently is told so, as the reference does.
 */
import { unreachable } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { hostPort, type Connection, type NetAddress } from "../../lib/net.ts";
import type { PingMessage, PushPullMessage, StreamMessage, UserMessage } from "../../wire/gossip/messages.ts";
import type { GossipSecurity } from "../../wire/gossip/packet-codec.ts";
import { encodeStream, StreamAssembler, type StreamProgress } from "../../wire/gossip/stream-codec.ts";

/** Streams open at once; the next one is closed. The reference's limit of full exchanges. */
export const inboundStreamsMax = 128;

/** A request that arrived whole. `reply` is called once for pings and exchanges, and not for user messages. */
export interface InboundRequest {
  readonly inboundId: number;
  readonly from: NetAddress;
  readonly message: PingMessage | PushPullMessage | UserMessage;
}

export interface InboundStreamsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Asked with each stream, since keys may change. */
  readonly security: () => GossipSecurity;
  readonly timeoutMs: number;
  /** Must not throw. */
  readonly request: (request: InboundRequest) => void;
}

interface Inbound {
  readonly connection: Connection;
  readonly timer: Disposable;
}

export class InboundStreams {
  readonly #parts: InboundStreamsParts;
  readonly #open = new Map<number, Inbound>();
  #lastId = 0;

  constructor(parts: InboundStreamsParts) {
    this.#parts = parts;
  }

  /** Takes a connection that a listener accepted. */
  accept(connection: Connection): void {
    const { clock, log, metrics, security, timeoutMs } = this.#parts;
    metrics.count("memberlist.tcp.accept");
    log.debug(`memberlist: Stream connection ${from(connection)}`);
    if (this.#open.size >= inboundStreamsMax) {
      log.error(`memberlist: Too many pending push/pull requests ${from(connection)}`);
      metrics.count("memberlist.tcp.refused");
      // Handled, so that its end is not an error of nobody's.
      connection.handle({ data: () => undefined, ended: () => undefined, closed: () => undefined });
      connection.destroy();
      return;
    }
    this.#lastId += 1;
    const inboundId = this.#lastId;
    const timer = clock.after(timeoutMs, () => connection.destroy());
    this.#open.set(inboundId, { connection, timer });
    const assembler = new StreamAssembler(security(), "dialler");
    let isDone = false;
    connection.handle({
      data: (bytes) => {
        if (isDone) return;
        const progress = assembler.feed(bytes);
        isDone = progress.kind !== "needMore";
        this.#take(inboundId, connection, progress);
      },
      ended: () => {
        if (isDone) return;
        isDone = true;
        if (!assembler.isEmpty) metrics.count("memberlist.tcp.unreadable");
        connection.destroy();
      },
      closed: () => {
        timer[Symbol.dispose]();
        this.#open.delete(inboundId);
      },
    });
  }

  /** Answers a request, or just ends its stream. One that is gone by now is ignored. */
  reply(inboundId: number, message: StreamMessage | undefined): void {
    const inbound = this.#open.get(inboundId);
    if (inbound === undefined) return;
    if (message !== undefined) {
      const bytes = encodeStream(this.#parts.security(), message, "listener");
      this.#parts.metrics.count("memberlist.tcp.sent", bytes.length);
      inbound.connection.write(bytes);
    }
    inbound.connection.end();
  }

  close(): void {
    for (const { connection, timer } of this.#open.values()) {
      timer[Symbol.dispose]();
      connection.destroy();
    }
    this.#open.clear();
  }

  #take(inboundId: number, connection: Connection, progress: StreamProgress): void {
    const { log, metrics } = this.#parts;
    switch (progress.kind) {
      case "needMore":
        return;
      case "failed":
        log.error(`memberlist: failed to receive: ${progress.text} ${from(connection)}`);
        metrics.count("memberlist.tcp.unreadable");
        return this.reply(inboundId, progress.reply ? { kind: "error", text: progress.text } : undefined);
      case "message":
        return this.#request(inboundId, connection, progress.message);
      default:
        return unreachable(progress);
    }
  }

  #request(inboundId: number, connection: Connection, message: StreamMessage): void {
    switch (message.kind) {
      case "ack":
      case "error":
        this.#parts.log.error(`memberlist: Received invalid msgType (${message.kind}) ${from(connection)}`);
        this.#parts.metrics.count("memberlist.tcp.unreadable");
        return this.reply(inboundId, undefined);
      case "user":
        this.reply(inboundId, undefined);
        return this.#parts.request({ inboundId, from: connection.remote, message });
      case "ping":
      case "pushPull":
        return this.#parts.request({ inboundId, from: connection.remote, message });
      default:
        return unreachable(message);
    }
  }
}

function from({ remote }: Connection): string {
  return `from=${hostPort(remote)}`;
}
