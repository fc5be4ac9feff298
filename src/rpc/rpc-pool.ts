/**
 * Connections to servers: one for each (node name, address), shared by every call to it.
 *
 * A call takes an idle stream of the connection or opens one, and gives it back when it was answered. A
 * connection that fails is forgotten; the next call dials again. Nothing is retried here: who calls knows
 * whether it may be.
 * Source: protocol reference, RPC section 1.
 */
import type { Clock } from "../lib/clock.ts";
import { hostPort, type Connection, type Net, type NetAddress } from "../lib/net.ts";
import { NetworkError } from "../lib/network-error.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { gettingClientPrefix, RpcConnectionError } from "../wire/rpc/error-text.ts";
import type { RpcMethod } from "../wire/rpc/method.ts";
import { statusPing } from "../wire/rpc/status-methods.ts";
import { defaultYamuxOptions, type YamuxOptions } from "../wire/yamux/options.ts";
import type { ClientStream } from "./client-stream.ts";
import { PoolConnection } from "./pool-connection.ts";
import { rpcType } from "./rpc-type.ts";
import type { RpcServer } from "./service.ts";

export interface RpcPoolOptions {
  readonly dialTimeoutMs: number;
  /** Connections that were not used for so long are closed. */
  readonly idleTimeoutMs: number;
  /** Idle streams kept for reuse on each connection. */
  readonly idleStreamsMax: number;
  /** Limit of a call that names none: `rpc_client_timeout`. */
  readonly callTimeoutMs: number;
  /** A larger answer ends its stream. */
  readonly responseBytesMax: number;
  readonly yamux: YamuxOptions;
}

const commonOptions = {
  dialTimeoutMs: 10_000,
  callTimeoutMs: 60_000,
  responseBytesMax: 1024 * 1024 * 1024,
  yamux: defaultYamuxOptions,
} as const;
/** Source: protocol reference, RPC section 1; the limit of answers is ours. */
export const serverPoolOptions: RpcPoolOptions = {
  ...commonOptions,
  idleTimeoutMs: 120_000,
  idleStreamsMax: 64,
};
export const clientPoolOptions: RpcPoolOptions = {
  ...commonOptions,
  idleTimeoutMs: 127_000,
  idleStreamsMax: 32,
};

export interface RpcPoolParts {
  readonly net: Net;
  readonly clock: Clock;
  /** Calls back when the I/O that is due was handled, so that calls made meanwhile leave together: `setImmediate`. */
  readonly defer?: (run: () => void) => void;
}

/** A call, and how long it may take. */
export interface PoolCall<Q, R> {
  readonly method: RpcMethod<Q, R>;
  readonly request: Q;
  readonly signal?: AbortSignal | undefined;
  /** Default: the pool's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** A connection that is being made. */
interface Dialling {
  readonly made: Promise<PoolConnection>;
  /** Who waits for it waits no more. */
  readonly giveUp: () => void;
}

/** A server that is held for dead may be alive all the same, but is not waited for. */
const lostDialTimeoutMs = 1_000;

export class RpcPool {
  readonly #parts: RpcPoolParts;
  readonly #options: RpcPoolOptions;
  readonly #connections = new Map<string, PoolConnection>();
  readonly #dialling = new Map<string, Dialling>();
  /** host:port of servers that are held for dead. */
  readonly #lost = new Set<string>();
  readonly #writer = new MsgpackWriter(4096);
  #seq = 0;
  #isClosed = false;

  constructor(parts: RpcPoolParts, options: RpcPoolOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Servers that a connection is open to. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Calls a method of a server. Rejects with what the server answered (`RpcError`, `PermissionDeniedError`),
   * `RpcConnectionError` or `RpcTimeoutError`; every text begins with what this hop was doing.
   */
  async call<Q, R>(server: RpcServer, call: PoolCall<Q, R>): Promise<R> {
    const stream = this.#connections.get(keyOf(server))?.take() ?? (await this.#stream(server));
    this.#seq += 1;
    return stream.call({
      method: call.method,
      request: call.request,
      seq: this.#seq,
      signal: call.signal,
      timeoutMs: call.timeoutMs ?? this.#options.callTimeoutMs,
    });
  }

  /** Whether the server answers. Never rejects. */
  async ping(server: RpcServer, timeoutMs?: number): Promise<boolean> {
    try {
      await this.call(server, { method: statusPing, request: statusPing.request.zero, timeoutMs });
      return true;
    } catch {
      return false;
    }
  }

  /** A connection of its own, whose first byte was sent. Rejects with `RpcConnectionError`. */
  async dial(server: RpcServer, firstByte: number): Promise<Connection> {
    try {
      const isLost = this.#lost.has(hostPort(server.rpc));
      const connection = await this.#parts.net.connect(server.rpc, {
        timeoutMs: isLost ? lostDialTimeoutMs : this.#options.dialTimeoutMs,
      });
      connection.write(Uint8Array.of(firstByte));
      return connection;
    } catch (error) {
      throw new RpcConnectionError(dialText(server, error), { mayHaveArrived: false, cause: error });
    }
  }

  /**
   * The server at this address is held for dead. Calls under way there fail now, not when its connection times out,
   * and a connection to it is not waited for long.
   */
  lost(at: NetAddress): void {
    const address = hostPort(at);
    this.#lost.add(address);
    const isThere = ([key]: readonly [string, unknown]): boolean => key.endsWith(`\0${address}`);
    for (const [, connection] of [...this.#connections].filter(isThere)) connection.close();
    for (const [, dialling] of [...this.#dialling].filter(isThere)) dialling.giveUp();
  }

  /** The server at this address is not held for dead any more. */
  found(at: NetAddress): void {
    this.#lost.delete(hostPort(at));
  }

  /** Closes every connection; calls under way fail. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections.values()) connection.close();
  }

  async #stream(server: RpcServer): Promise<ClientStream> {
    const connection = await this.#connection(server);
    const stream = connection.take();
    if (stream !== undefined) return stream;
    // It went away as it came: once more, on a new one.
    this.#forget(server, connection);
    const again = (await this.#connection(server)).take();
    if (again !== undefined) return again;
    throw new RpcConnectionError(`${gettingClientPrefix}failed to start stream: session shutdown`, {
      mayHaveArrived: false,
    });
  }

  #connection(server: RpcServer): Promise<PoolConnection> {
    const key = keyOf(server);
    const open = this.#connections.get(key);
    if (open !== undefined) return Promise.resolve(open);
    const known = this.#dialling.get(key);
    if (known !== undefined) return known.made;
    let giveUp = (): void => undefined;
    const givenUp = new Promise<never>((_, reject) => {
      const text = `${gettingClientPrefix}failed to get conn: dial tcp ${hostPort(server.rpc)}: the server has failed`;
      giveUp = () => reject(new RpcConnectionError(text, { mayHaveArrived: false }));
    });
    const made = Promise.race([this.#dial(server), givenUp]).finally(() => this.#dialling.delete(key));
    this.#dialling.set(key, { made, giveUp: () => giveUp() });
    return made;
  }

  async #dial(server: RpcServer): Promise<PoolConnection> {
    const { clock, defer } = this.#parts;
    const { yamux, idleStreamsMax, idleTimeoutMs, responseBytesMax } = this.#options;
    const connection = await this.dial(server, rpcType.multiplex);
    const made = new PoolConnection({
      connection,
      clock,
      yamux,
      defer,
      idleStreamsMax,
      idleTimeoutMs,
      responseBytesMax,
      writer: this.#writer,
      closed: (self) => this.#forget(server, self),
    });
    if (this.#isClosed) made.close();
    else this.#connections.set(keyOf(server), made);
    return made;
  }

  #forget(server: RpcServer, connection: PoolConnection): void {
    const key = keyOf(server);
    if (this.#connections.get(key) === connection) this.#connections.delete(key);
  }
}

function keyOf({ name, rpc }: RpcServer): string {
  return `${name}\0${hostPort(rpc)}`;
}

/** Source: the texts of Go's dialler. */
function dialText({ rpc }: RpcServer, error: unknown): string {
  const errno = error instanceof NetworkError ? error.errno : "";
  const known = { ECONNREFUSED: "connect: connection refused", ETIMEDOUT: "i/o timeout" }[errno];
  const reason = known ?? (error instanceof Error ? error.message : String(error));
  return `${gettingClientPrefix}failed to get conn: dial tcp ${hostPort(rpc)}: ${reason}`;
}
