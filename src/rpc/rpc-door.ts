/**
 * The door on port 8300: the first byte of a connection says what the rest is.
 *
 *     0 requests, one after another      1 Raft (handed on)      4 requests on many streams (yamux)      5 a snapshot
 *
 * Anything else is closed. Source: protocol reference, RPC section 1.
 */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { hostPort, type Connection, type Net, type NetAddress, type NetListener } from "../lib/net.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { frameHeaderBytes } from "../wire/yamux/frame.ts";
import { defaultYamuxOptions, type YamuxOptions } from "../wire/yamux/options.ts";
import { ClientCount } from "./client-count.ts";
import { ConnectionBudget, RequestStream, type RequestStreamParts } from "./request-stream.ts";
import { otherRpcTypes, rpcType } from "./rpc-type.ts";
import type { RpcService, SnapshotService } from "./service.ts";
import { serveSnapshot } from "./snapshot-server.ts";
import { YamuxConnection } from "./yamux-connection.ts";

export interface RpcDoorOptions {
  /** Time for the first byte. */
  readonly firstByteTimeoutMs: number;
  /** Open connections of one IP address; more are closed at once. */
  readonly connectionsPerClientMax: number;
  /** Requests of one connection that are served at once; more are refused, for another server to try. */
  readonly requestsPerConnectionMax: number;
  /** A request that is larger ends its stream. */
  readonly requestBytesMax: number;
  /** Bytes of requests that are not whole or wait for their turn; a stream that brings more is closed. */
  readonly heldBytesPerConnectionMax: number;
  readonly archiveBytesMax: number;
  readonly yamux: YamuxOptions;
}

/** Source: protocol reference, RPC section 1; limits of requests and archives are ours. */
export const defaultRpcDoorOptions: RpcDoorOptions = {
  firstByteTimeoutMs: 5_000,
  connectionsPerClientMax: 100,
  requestsPerConnectionMax: 32_768,
  requestBytesMax: 64 * 1024 * 1024,
  heldBytesPerConnectionMax: 256 * 1024 * 1024,
  archiveBytesMax: 1024 * 1024 * 1024,
  yamux: defaultYamuxOptions,
};

export interface RpcDoorParts {
  readonly service: RpcService;
  readonly snapshots: SnapshotService;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Takes a connection over, with bytes of it that came already. */
export type ConnectionTaker = (connection: Connection, rest: Uint8Array) => void;

export class RpcDoor {
  readonly #parts: RpcDoorParts;
  readonly #options: RpcDoorOptions;
  readonly #takers = new Map<number, ConnectionTaker>();
  readonly #clients: ClientCount;
  readonly #open = new Set<Connection>();
  readonly #writer = new MsgpackWriter(4096);
  /** First bytes of refused connections that the log knows of. */
  readonly #told = new Set<number>();
  #isClosed = false;

  constructor(parts: RpcDoorParts, options: RpcDoorOptions = defaultRpcDoorOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#clients = new ClientCount(options.connectionsPerClientMax);
    this.#takers.set(rpcType.single, (connection, rest) => this.#serveSingle(connection, rest));
    this.#takers.set(rpcType.multiplex, (connection, rest) => this.#serveMultiplex(connection, rest));
    this.#takers.set(rpcType.snapshot, (connection, rest) => this.#serveSnapshot(connection, rest));
  }

  /** Hands connections that begin with `firstByte` to `take`, the byte itself left out. */
  register(firstByte: number, take: ConnectionTaker): void {
    this.#takers.set(firstByte, take);
  }

  /** Accepts connections at `at`. Rejects with `NetworkError`. */
  listen(net: Net, at: NetAddress): Promise<NetListener> {
    return net.listen(at, (connection) => this.accept(connection));
  }

  /** Takes one new connection. */
  accept(raw: Connection): void {
    const { log, metrics } = this.#parts;
    const from = hostPort(raw.remote);
    if (this.#isClosed) return raw.destroy();
    const connection = this.#clients.admit(raw, () => this.#open.delete(connection ?? raw));
    if (connection === undefined) {
      log.error("rejecting RPC conn because rpc_max_conns_per_client exceeded", { from });
      return raw.destroy();
    }
    metrics.count("rpc.accept_conn");
    this.#open.add(connection);
    this.#awaitType(connection, from);
  }

  /** Sets another `connectionsPerClientMax`; connections that are open stay. */
  limitClients(max: number): void {
    this.#clients.limit(max);
  }

  /** Closes every connection; those handed on with them. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#open) connection.destroy();
  }

  #awaitType(connection: Connection, from: string): void {
    const { clock, log } = this.#parts;
    const timer = clock.after(this.#options.firstByteTimeoutMs, () => {
      log.warn("an RPC connection said nothing", { from });
      connection.destroy();
    });
    let isTaken = false;
    connection.handle({
      data: (bytes) => {
        const first = bytes[0];
        if (isTaken || first === undefined) return;
        isTaken = true;
        timer[Symbol.dispose]();
        const take = this.#takers.get(first);
        if (take !== undefined) return take(connection, bytes.subarray(1));
        this.#refuse(first, from);
        connection.destroy();
      },
      ended: () => connection.destroy(),
      closed: () => timer[Symbol.dispose](),
    });
  }

  /** Peers try again every few seconds: a kind that is known is told of once. */
  #refuse(byte: number, from: string): void {
    const { log } = this.#parts;
    const kind = otherRpcTypes.get(byte);
    if (kind === undefined) return log.error("unrecognized RPC byte", { byte, from });
    const message = "an RPC connection of a kind that this server does not offer";
    if (this.#told.has(byte)) log.debug(message, { kind, from });
    else log.warn(message, { kind, from });
    this.#told.add(byte);
  }

  #streamParts(): RequestStreamParts {
    const { service, log, metrics } = this.#parts;
    return {
      service,
      log,
      metrics,
      requestBytesMax: this.#options.requestBytesMax,
      budget: new ConnectionBudget({
        requests: this.#options.requestsPerConnectionMax,
        heldBytes: this.#options.heldBytesPerConnectionMax,
      }),
      writer: this.#writer,
    };
  }

  #serveMultiplex(connection: Connection, rest: Uint8Array): void {
    const { clock, log } = this.#parts;
    const shared = this.#streamParts();
    const from = hostPort(connection.remote);
    new YamuxConnection(
      {
        connection,
        role: "acceptor",
        clock,
        options: this.#options.yamux,
        accept: (stream) =>
          new RequestStream(shared, {
            send: (bytes) => stream.send(bytes),
            consume: (byteCount) => stream.consume(byteCount),
            close: () => stream.end(),
          }),
        closed: (problem) => {
          if (problem !== undefined) log.debug("multiplex connection ended", { from, problem });
        },
      },
      rest,
    );
  }

  #serveSingle(connection: Connection, rest: Uint8Array): void {
    let unconsumedBytes = 0;
    const stream = new RequestStream(this.#streamParts(), {
      send: (bytes) => connection.write(bytes.subarray(frameHeaderBytes)),
      consume: (byteCount) => {
        unconsumedBytes -= byteCount;
        connection.resume();
      },
      close: () => connection.end(),
    });
    const data = (bytes: Uint8Array): void => {
      unconsumedBytes += bytes.length;
      stream.data(bytes);
      // A window of our own: the peer waits while its request is served.
      if (unconsumedBytes > this.#options.yamux.windowBytes) connection.pause();
    };
    connection.handle({
      data,
      ended: () => stream.ended(),
      closed: () => stream.closed(),
      drained: () => stream.drained(),
    });
    if (rest.length > 0) data(rest);
  }

  #serveSnapshot(connection: Connection, rest: Uint8Array): void {
    const { snapshots, log, clock } = this.#parts;
    serveSnapshot({
      connection,
      rest,
      snapshots,
      clock,
      log,
      archiveBytesMax: this.#options.archiveBytesMax,
    });
  }
}
