/** For tests of the network transport: servers on real sockets of this machine, whose connections can be cut. */
import type { Clock } from "../../../lib/clock.ts";
import { silentLog } from "../../../lib/log.ts";
import { noMetrics } from "../../../lib/metrics.ts";
import { hostPort, type Connection, type NetListener } from "../../../lib/net.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { systemNet } from "../../../runtime/net.ts";
import { NetTransport, raftLeadingByte, type NetTransportParts } from "../net-transport.ts";

/** A server's end of the network, with a door that takes the leading byte off. */
export class NetEnd implements AsyncDisposable {
  readonly transport: NetTransport;
  readonly address: string;
  readonly connections = new Set<Connection>();
  readonly #listener: NetListener;

  constructor(listener: NetListener, transport: NetTransport, connections: Set<Connection>) {
    this.#listener = listener;
    this.transport = transport;
    this.address = hostPort(listener.address);
    this.connections = connections;
  }

  /** Drops every connection that peers have made. */
  cut(): void {
    for (const connection of this.connections) connection.destroy();
    this.connections.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transport.close();
    this.cut();
    await this.#listener.close();
  }
}

export async function openNetEnd(options: Partial<NetTransportParts> = {}): Promise<NetEnd> {
  const clock: Clock = options.clock ?? systemClock;
  const transport = new NetTransport({
    net: systemNet,
    clock,
    log: silentLog,
    metrics: noMetrics,
    ...options,
  });
  const connections = new Set<Connection>();
  const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (accepted) => {
    const connection = tracked(accepted, () => connections.delete(connection));
    connections.add(connection);
    connection.handle({
      data: (bytes) => {
        if (bytes[0] !== raftLeadingByte) return connection.destroy();
        transport.accept(connection, bytes.subarray(1));
      },
      ended: () => connection.destroy(),
      closed: () => undefined,
    });
  });
  return new NetEnd(listener, transport, connections);
}

/** The same connection, whose end is told whoever handles it by then. */
function tracked(connection: Connection, closed: () => void): Connection {
  return {
    local: connection.local,
    remote: connection.remote,
    handle: (handler) =>
      connection.handle({
        data: (bytes) => handler.data(bytes),
        ended: () => handler.ended(),
        drained: () => handler.drained?.(),
        closed: (error) => {
          closed();
          handler.closed(error);
        },
      }),
    write: (bytes) => connection.write(bytes),
    end: () => connection.end(),
    destroy: () => connection.destroy(),
    pause: () => connection.pause(),
    resume: () => connection.resume(),
  };
}
