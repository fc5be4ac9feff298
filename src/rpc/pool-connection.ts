/** The one connection of a pool to one server, and its streams: in use, and idle for reuse. */
import type { Clock } from "../lib/clock.ts";
import type { Connection } from "../lib/net.ts";
import type { YamuxOptions } from "../wire/yamux/options.ts";
import { ClientStream, type ClientStreamParts } from "./client-stream.ts";
import { YamuxConnection } from "./yamux-connection.ts";

export interface PoolConnectionParts extends ClientStreamParts {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly yamux: YamuxOptions;
  /** See `YamuxConnectionParts`. */
  readonly defer: ((run: () => void) => void) | undefined;
  /** Idle streams that are kept for long; more are ended after a moment. */
  readonly idleStreamsMax: number;
  /** The connection is closed when nothing used it for so long. */
  readonly idleTimeoutMs: number;
  /** Called once. */
  readonly closed: (self: PoolConnection) => void;
}

/** Idle streams are counted this often, so that a burst of calls does not open a stream for each. */
const trimIntervalMs = 1_000;
/** Idle streams that are kept even for that moment. */
const idleStreamsLimit = 4_096;

export class PoolConnection {
  readonly #parts: PoolConnectionParts;
  readonly #yamux: YamuxConnection;
  readonly #idle: ClientStream[] = [];
  #busyCount = 0;
  #usedMs: number;
  #idleTimer: Disposable | undefined;
  #trimTimer: Disposable | undefined;

  constructor(parts: PoolConnectionParts) {
    this.#parts = parts;
    const { connection, clock, yamux } = parts;
    this.#usedMs = clock.monotonicMs();
    this.#yamux = new YamuxConnection({
      connection,
      role: "dialler",
      clock,
      options: yamux,
      ...(parts.defer === undefined ? {} : { defer: parts.defer }),
      closed: () => {
        this.#idleTimer?.[Symbol.dispose]();
        this.#trimTimer?.[Symbol.dispose]();
        parts.closed(this);
      },
    });
    this.#armIdle(parts.idleTimeoutMs);
  }

  /** A stream for one call, which gives itself back; `undefined` if the connection takes no more. */
  take(): ClientStream | undefined {
    this.#usedMs = this.#parts.clock.monotonicMs();
    for (let stream = this.#idle.pop(); stream !== undefined; stream = this.#idle.pop()) {
      if (!stream.isIdle) continue;
      this.#busyCount += 1;
      return stream;
    }
    if (!this.#yamux.canOpen) return undefined;
    this.#busyCount += 1;
    let made: ClientStream | undefined;
    this.#yamux.open((stream) => {
      made = new ClientStream(this.#parts, stream, (self, isReusable) => this.#release(self, isReusable));
      return made;
    });
    return made;
  }

  close(): void {
    this.#yamux.close();
  }

  #release(stream: ClientStream, isReusable: boolean): void {
    this.#busyCount -= 1;
    if (!isReusable) return;
    if (this.#idle.length >= idleStreamsLimit || !this.#yamux.canOpen) return stream.close();
    this.#idle.push(stream);
    const { clock, idleStreamsMax } = this.#parts;
    if (this.#idle.length > idleStreamsMax)
      this.#trimTimer ??= clock.after(trimIntervalMs, () => this.#trim());
  }

  /** The streams that waited longest go first. */
  #trim(): void {
    this.#trimTimer = undefined;
    const tooMany = this.#idle.length - this.#parts.idleStreamsMax;
    if (tooMany > 0) for (const stream of this.#idle.splice(0, tooMany)) stream.close();
  }

  #armIdle(delayMs: number): void {
    const { clock, idleTimeoutMs } = this.#parts;
    this.#idleTimer = clock.after(delayMs, () => {
      const idleMs = this.#busyCount > 0 ? 0 : clock.monotonicMs() - this.#usedMs;
      if (idleMs >= idleTimeoutMs) this.close();
      else this.#armIdle(idleTimeoutMs - idleMs);
    });
  }
}
