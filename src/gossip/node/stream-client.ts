/**
 * Calls to peers over streams: dial, say one thing, hear one thing.
 *
 * Every call is over after its timeout at the latest, and closing ends those that are under way.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Connection, Net, NetAddress } from "../../lib/net.ts";
import type { StreamMessage } from "../../wire/gossip/messages.ts";
import type { GossipSecurity } from "../../wire/gossip/packet-codec.ts";
import { encodeStream, StreamAssembler } from "../../wire/gossip/stream-codec.ts";
import { dialText, readText } from "./network-text.ts";

/** What came of a call. */
export type StreamAnswer =
  | { readonly kind: "answered"; readonly message: StreamMessage }
  /** There was no connection. */
  | { readonly kind: "unreached"; readonly text: string }
  /** There was one, but no answer that can be read. */
  | { readonly kind: "broken"; readonly text: string };

export interface StreamCall {
  readonly to: NetAddress;
  readonly message: StreamMessage;
  readonly timeoutMs: number;
}

export interface StreamClientParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Asked with each call, since keys may change. */
  readonly security: () => GossipSecurity;
  /** The address to call from, so that peers see the one they know; absent: the system's choice. */
  readonly localHost: string | undefined;
}

export class StreamClient {
  readonly #parts: StreamClientParts;
  readonly #open = new Set<Connection>();
  #isClosed = false;

  constructor(parts: StreamClientParts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  async call({ to, message, timeoutMs }: StreamCall): Promise<StreamAnswer> {
    const { net, clock, metrics, security, localHost } = this.#parts;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    let connection: Connection;
    try {
      const options = { timeoutMs, ...(localHost === undefined ? {} : { localHost }) };
      connection = await net.connect(to, options);
    } catch (error) {
      return { kind: "unreached", text: dialText(to, error) };
    }
    if (this.#isClosed) {
      connection.destroy();
      return { kind: "broken", text: "the node was shut down" };
    }
    metrics.count("memberlist.tcp.connect");
    const bytes = encodeStream(security(), message, "dialler");
    metrics.count("memberlist.tcp.sent", bytes.length);
    const reading = this.#read(connection, deadlineMs - clock.monotonicMs());
    connection.write(bytes);
    return reading;
  }

  /** Ends the calls that are under way, and refuses further ones. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#open) connection.destroy();
  }

  #read(connection: Connection, timeoutMs: number): Promise<StreamAnswer> {
    const assembler = new StreamAssembler(this.#parts.security(), "listener");
    this.#open.add(connection);
    return new Promise((resolve) => {
      const finish = (answer: StreamAnswer): void => {
        timer[Symbol.dispose]();
        this.#open.delete(connection);
        connection.destroy();
        resolve(answer);
      };
      const broken = (error: unknown): void => finish({ kind: "broken", text: readText(connection, error) });
      const timer = this.#parts.clock.after(Math.max(0, timeoutMs), () => broken("timeout"));
      connection.handle({
        data: (bytes) => {
          const progress = assembler.feed(bytes);
          if (progress.kind === "message") finish({ kind: "answered", message: progress.message });
          else if (progress.kind === "failed") finish({ kind: "broken", text: progress.text });
        },
        ended: () => finish({ kind: "broken", text: assembler.isEmpty ? "EOF" : "unexpected EOF" }),
        closed: broken,
      });
    });
  }
}
