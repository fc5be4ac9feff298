/**
 * The network as the layers see it: TCP connections, listeners and UDP sockets, passed in.
 *
 * `src/runtime/net.ts` implements it on sockets; tests and the simulator in memory.
 */

import { renderHostPort } from "./ip.ts";

/** An IP address in text (no brackets, no zone) with a port. */
export interface NetAddress {
  readonly host: string;
  readonly port: number;
}

/** Receives what happens on a connection. Set once, with `handle`, before anything is delivered. */
export interface ConnectionHandler {
  /** Bytes in order; the array is the handler's to keep. */
  data(bytes: Uint8Array): void;
  /** The peer sends no more; this side still may. */
  ended(): void;
  /** Last call, exactly once; `error` if it did not end in order. */
  closed(error: Error | undefined): void;
  /** Everything written has been handed to the system after `write` had answered `false`. */
  drained?(): void;
}

/** One stream of bytes in each direction. */
export interface Connection {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  /** Starts delivery. What came before is delivered first. May be called again, to pass the connection on. */
  handle(handler: ConnectionHandler): void;
  /**
   * Queues bytes, which must not change afterwards; `false`: wait for `drained` before sending much more.
   * Ignored once closed.
   */
  write(bytes: Uint8Array): boolean;
  /** Sends no more; the peer still may. */
  end(): void;
  /** Drops the connection and whatever is queued. */
  destroy(): void;
  /** Stops delivery, so that the peer is slowed down. */
  pause(): void;
  resume(): void;
}

export interface NetListener {
  /** With the real port when 0 was asked for. */
  readonly address: NetAddress;
  /** Accepts no more; connections that are open stay. */
  close(): Promise<void>;
}

export interface UdpSocket {
  readonly address: NetAddress;
  /** Sends one datagram; what cannot be sent is lost, as on any network. */
  send(to: NetAddress, bytes: Uint8Array): void;
  close(): void;
}

export interface ConnectOptions {
  readonly timeoutMs: number;
  /** Local address to connect from. */
  readonly localHost?: string;
}

/** Makes connections and sockets. */
export interface Net {
  /** Rejects with `NetworkError` if there is no connection in time. */
  connect(to: NetAddress, options: ConnectOptions): Promise<Connection>;
  /** Rejects with `NetworkError` if the address cannot be listened on. */
  listen(at: NetAddress, accept: (connection: Connection) => void): Promise<NetListener>;
  /** Rejects with `NetworkError` if the address cannot be bound. */
  bindUdp(at: NetAddress, receive: (bytes: Uint8Array, from: NetAddress) => void): Promise<UdpSocket>;
  /** IP addresses of a host name; an address in text answers itself. Rejects with `NetworkError` if there is none. */
  resolve(host: string): Promise<readonly string[]>;
}

/** `host:port`, with brackets around IPv6. */
export function hostPort({ host, port }: NetAddress): string {
  return renderHostPort(host, port);
}

/** The parts of `host:port` or `[host]:port`; `undefined` if it is neither or the port is not 0…65535. */
export function parseHostPort(text: string): NetAddress | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  return port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? "", port };
}
