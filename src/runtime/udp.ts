/**
 * UDP sockets of `lib/net.ts`: Bun's own where they are, with what is sent in one turn of the loop in one system call;
 * Node's elsewhere.
 */
import { createSocket } from "node:dgram";
import type { NetAddress, UdpSocket } from "../lib/net.ts";

export type Receive = (bytes: Uint8Array, from: NetAddress) => void;

/** Rejects with the system's error if the address cannot be bound. */
export function bindDatagrams(at: NetAddress, receive: Receive): Promise<UdpSocket> {
  return typeof Bun === "undefined" ? bindOnNode(at, receive) : bindOnBun(at, receive);
}

const fieldsOfDatagram = 3;

async function bindOnBun(at: NetAddress, receive: Receive): Promise<UdpSocket> {
  const socket = await Bun.udpSocket({
    hostname: at.host,
    port: at.port,
    binaryType: "uint8array",
    socket: {
      data: (...[, bytes, port, host]) => receive(bytes, { host, port }),
      // A peer that is gone answers with ICMP errors, which must not end the socket.
      error: () => undefined,
    },
  });
  /** Bytes, port and host of one datagram after the other, as `sendMany` takes them. */
  let waiting: (Uint8Array | number | string)[] = [];
  let isClosed = false;
  const flush = (): void => {
    const datagrams = waiting;
    waiting = [];
    if (isClosed || datagrams.length === 0) return;
    try {
      if (datagrams.length > fieldsOfDatagram) {
        socket.sendMany(datagrams);
        return;
      }
    } catch {
      // One of them cannot be sent, and none was: each for itself below.
    }
    for (let at = 0; at < datagrams.length; at += fieldsOfDatagram)
      sendOne(socket, datagrams.slice(at, at + fieldsOfDatagram) as [Uint8Array, number, string]);
  };
  return {
    address: { host: at.host, port: socket.port },
    send: (to, bytes) => {
      if (isClosed) return;
      if (waiting.length === 0) setImmediate(flush);
      waiting.push(bytes, to.port, to.host);
    },
    close: () => {
      if (isClosed) return;
      flush();
      isClosed = true;
      socket.close();
    },
  };
}

function sendOne(
  socket: { send(bytes: Uint8Array, port: number, host: string): boolean },
  [bytes, port, host]: readonly [bytes: Uint8Array, port: number, host: string],
): void {
  try {
    socket.send(bytes, port, host);
  } catch {
    // What cannot be sent is lost, as on any network.
  }
}

function bindOnNode(at: NetAddress, receive: Receive): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: at.host.includes(":") ? "udp6" : "udp4" });
    let isClosed = false;
    socket.once("error", reject);
    socket.bind({ address: at.host, port: at.port, exclusive: true }, () => {
      // As above.
      socket.on("error", () => undefined);
      socket.on("message", (bytes, from) => {
        const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
        receive(plain, { host: from.address, port: from.port });
      });
      const { port } = socket.address();
      resolve({
        address: { host: at.host, port },
        send: (to, bytes) => {
          if (!isClosed) socket.send(bytes, to.port, to.host, () => undefined);
        },
        close: () => {
          if (isClosed) return;
          isClosed = true;
          socket.close();
        },
      });
    });
  });
}
