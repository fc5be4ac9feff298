/** The two doors of a gossip node: a UDP socket and a TCP listener on one port. */
import { bindText } from "../../lib/bind-text.ts";
import { NetworkError } from "../../lib/network-error.ts";
import {
  hostPort,
  type Connection,
  type Net,
  type NetAddress,
  type NetListener,
  type UdpSocket,
} from "../../lib/net.ts";
import { GossipError } from "./gossip-error.ts";
import { textOf } from "./network-text.ts";

/** How often a free port is asked for until it is free for UDP too. */
const attemptsMax = 10;

export interface GossipSockets {
  /** With the real port when 0 was asked for. */
  readonly address: NetAddress;
  send(to: NetAddress, bytes: Uint8Array): void;
  close(): Promise<void>;
}

export interface SocketEvents {
  readonly datagram: (bytes: Uint8Array, from: NetAddress) => void;
  readonly connection: (connection: Connection) => void;
}

/** Binds both. Rejects with `GossipError` in the reference's words. */
export async function openGossipSockets(
  net: Net,
  at: NetAddress,
  events: SocketEvents,
): Promise<GossipSockets> {
  for (let attempt = 1; ; attempt += 1) {
    const listener = await listen(net, at, events);
    try {
      const udp = await net.bindUdp(listener.address, events.datagram);
      return together(listener, udp);
    } catch (error) {
      await listener.close();
      const isTaken = error instanceof NetworkError && error.errno === "EADDRINUSE";
      if (isTaken && at.port === 0 && attempt < attemptsMax) continue;
      throw refused("UDP", listener.address, error);
    }
  }
}

async function listen(net: Net, at: NetAddress, events: SocketEvents): Promise<NetListener> {
  try {
    return await net.listen(at, events.connection);
  } catch (error) {
    throw refused("TCP", at, error);
  }
}

function together(listener: NetListener, udp: UdpSocket): GossipSockets {
  return {
    address: listener.address,
    send: (to, bytes) => udp.send(to, bytes),
    close: async () => {
      udp.close();
      await listener.close();
    },
  };
}

function refused(protocol: "TCP" | "UDP", at: NetAddress, cause: unknown): GossipError {
  const why = bindText(protocol === "TCP" ? "tcp" : "udp", hostPort(at), {
    errno: cause instanceof NetworkError ? cause.errno : "",
    message: textOf(cause),
  });
  return new GossipError(
    `Could not set up network transport: failed to obtain an address: ` +
      `Failed to start ${protocol} listener on ${JSON.stringify(at.host)} port ${at.port}: ${why}`,
    { cause },
  );
}
