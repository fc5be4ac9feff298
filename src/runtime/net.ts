/** The `Net` of `lib/net.ts` on the system's sockets. */
import { lookup } from "node:dns/promises";
import { connect, createServer, isIP, type Socket } from "node:net";
import { bindText } from "../lib/bind-text.ts";
import { NetworkError } from "../lib/network-error.ts";
import {
  hostPort,
  type Connection,
  type ConnectionHandler,
  type ConnectOptions,
  type Net,
  type NetAddress,
  type NetListener,
} from "../lib/net.ts";
import { bindDatagrams } from "./udp.ts";

/** Real sockets. */
export const systemNet: Net = {
  connect: connectTcp,
  listen: listenTcp,
  bindUdp: async (at, receive) => {
    try {
      return await bindDatagrams(at, receive);
    } catch (error) {
      throw toNetworkError(error);
    }
  },
  resolve: async (host) => {
    if (isIP(host) !== 0) return [host];
    try {
      const found = await lookup(host, { all: true });
      return found.map((one) => one.address);
    } catch (error) {
      throw toNetworkError(error);
    }
  },
};

function connectTcp(to: NetAddress, options: ConnectOptions): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: to.host,
      port: to.port,
      noDelay: true,
      keepAlive: true,
      allowHalfOpen: true,
      ...(options.localHost === undefined ? {} : { localAddress: options.localHost }),
    });
    const timer = setTimeout(() => {
      fail(Object.assign(new Error(`dial tcp ${to.host}:${to.port}: i/o timeout`), { code: "ETIMEDOUT" }));
    }, options.timeoutMs);
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(toNetworkError(error));
    };
    socket.once("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      resolve(new SocketConnection(socket));
    });
  });
}

function listenTcp(at: NetAddress, accept: (connection: Connection) => void): Promise<NetListener> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) => {
      accept(new SocketConnection(socket));
    });
    server.once("error", (error) => {
      const { errno, message, address } = toNetworkError(error);
      const text = bindText("tcp", hostPort(at), { errno, message });
      reject(new NetworkError(text, { errno, address, cause: error }));
    });
    server.listen({ host: at.host, port: at.port }, () => {
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : at.port;
      resolve({
        address: { host: at.host, port },
        close: () =>
          new Promise((done) => {
            server.close();
            // Open connections belong to those who took them; the port is free from here on.
            done();
          }),
      });
    });
  });
}

class SocketConnection implements Connection {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  readonly #socket: Socket;
  #handler: ConnectionHandler | undefined;
  #error: Error | undefined;
  #isEnded = false;
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.local = { host: socket.localAddress ?? "", port: socket.localPort ?? 0 };
    this.remote = { host: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
    socket.pause();
    socket.on("data", (bytes: Uint8Array) => this.#handler?.data(plain(bytes)));
    socket.on("end", () => {
      this.#isEnded = true;
      this.#handler?.ended();
    });
    socket.on("drain", () => this.#handler?.drained?.());
    socket.on("error", (error) => {
      this.#error = toNetworkError(error);
    });
    socket.on("close", () => {
      this.#isClosed = true;
      this.#handler?.closed(this.#error);
    });
  }

  handle(handler: ConnectionHandler): void {
    const isFirst = this.#handler === undefined;
    this.#handler = handler;
    if (!isFirst) return;
    if (this.#isClosed) {
      queueMicrotask(() => handler.closed(this.#error));
      return;
    }
    if (this.#isEnded) queueMicrotask(() => handler.ended());
    this.#socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#socket.destroyed) return true;
    return this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}

/** Without the methods of `Buffer`: its `slice` shares memory where that of `Uint8Array` copies. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function toNetworkError(error: unknown): NetworkError {
  if (error instanceof NetworkError) return error;
  const fields = error as { readonly code?: unknown; readonly address?: unknown };
  return new NetworkError(error instanceof Error ? error.message : String(error), {
    errno: typeof fields.code === "string" ? fields.code : "",
    address: typeof fields.address === "string" ? fields.address : undefined,
    cause: error,
  });
}
