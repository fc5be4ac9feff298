/** Counts open connections by the IP address they come from, and refuses more than a limit. */
import type { Connection, ConnectionHandler, NetAddress } from "../lib/net.ts";

export class ClientCount {
  #max: number;
  readonly #counts = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Sets another limit; connections that are open stay. */
  limit(max: number): void {
    this.#max = max;
  }

  /**
   * The connection, counted until it closes; or `undefined` if its address has too many open. `closed` runs
   * when it closes, whoever handles it then.
   */
  admit(connection: Connection, closed: () => void): Connection | undefined {
    const { host } = connection.remote;
    const count = this.#counts.get(host) ?? 0;
    if (count >= this.#max) return undefined;
    this.#counts.set(host, count + 1);
    return new CountedConnection(connection, () => {
      this.#release(host);
      closed();
    });
  }

  #release(host: string): void {
    const left = (this.#counts.get(host) ?? 0) - 1;
    if (left <= 0) this.#counts.delete(host);
    else this.#counts.set(host, left);
  }
}

class CountedConnection implements Connection, ConnectionHandler {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  readonly #inner: Connection;
  readonly #closed: () => void;
  #handler: ConnectionHandler | undefined;

  constructor(inner: Connection, closed: () => void) {
    this.#inner = inner;
    this.#closed = closed;
    this.local = inner.local;
    this.remote = inner.remote;
  }

  handle(handler: ConnectionHandler): void {
    const isFirst = this.#handler === undefined;
    this.#handler = handler;
    if (isFirst) this.#inner.handle(this);
  }

  data(bytes: Uint8Array): void {
    this.#handler?.data(bytes);
  }

  ended(): void {
    this.#handler?.ended();
  }

  closed(error: Error | undefined): void {
    this.#closed();
    this.#handler?.closed(error);
  }

  drained(): void {
    this.#handler?.drained?.();
  }

  write(bytes: Uint8Array): boolean {
    return this.#inner.write(bytes);
  }

  end(): void {
    this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }
}
