/**
 * The HTTP listener of both runtimes: sockets from the system, each with a connection of its own.
 *
 * Own connections rather than a server of the runtimes: `node:http` costs more than our answers (see
 * `http-connection.ts`), and Bun's own server resolves dot segments, which may be part of a KV key.
 */
import { readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { App } from "../http/app.ts";
import { HttpConnection } from "./http-connection.ts";
import { HttpDate } from "./http-date.ts";
import { GzipCache } from "./http-gzip.ts";
import { JoinedAnswers } from "./http-joined.ts";
import { setOwner, type SocketOwner } from "./socket-owner.ts";

/** How long a listener that closes lets answers finish. */
const closeGraceMs = 250;
const headBytesMaxDefault = 1024 * 1024;
/** The reference's default of `https_handshake_timeout`. */
const tlsHandshakeTimeoutMs = 5000;

export type ListenTarget =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string; readonly owner?: SocketOwner };

export interface ListenOptions {
  readonly tls?: { readonly cert: Uint8Array; readonly key: Uint8Array; readonly ca?: Uint8Array };
  readonly headerBytesMax?: number;
  /** Connections of one client address at a time; more are closed at once. */
  readonly connectionsPerClientMax?: number;
}

/** Reads a certificate and its key. Throws what the file system throws. */
export function readTlsPair(files: { readonly certFile: string; readonly keyFile: string }): {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
} {
  return { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
}

export interface Listener {
  /** The port in use; 0 for a unix socket. */
  readonly port: number;
  close(): Promise<void>;
}

/** Serves `app` at `target`. Rejects when the address cannot be bound. */
export async function listenHttp(
  app: App,
  target: ListenTarget,
  options: ListenOptions = {},
): Promise<Listener> {
  const shared = {
    app,
    headBytesMax: options.headerBytesMax ?? headBytesMaxDefault,
    date: new HttpDate(),
    gzip: new GzipCache(),
    joined: new JoinedAnswers(),
  };
  const open = new Map<Socket, HttpConnection>();
  const clients = new ClientCounts(options.connectionsPerClientMax ?? Number.POSITIVE_INFINITY);
  const accept = (socket: Socket): void => {
    if (!clients.admit(socket)) {
      socket.on("error", () => undefined);
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    open.set(socket, new HttpConnection(socket, shared));
    socket.on("close", () => open.delete(socket));
  };
  const server: NetServer =
    options.tls === undefined
      ? createServer({ allowHalfOpen: true }, accept)
      : createTlsServer(
          {
            allowHalfOpen: true,
            handshakeTimeout: tlsHandshakeTimeoutMs,
            ALPNProtocols: ["http/1.1"],
            ...tlsBuffers(options),
          },
          accept,
        );
  await bind(server, target);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of open.values()) connection.end();
        // Answers under way get a moment; who waits in a blocking query is cut off.
        setTimeout(() => {
          for (const socket of open.keys()) socket.destroy();
        }, closeGraceMs).unref();
      }),
  };
}

/** Connections of each client address. */
class ClientCounts {
  readonly #counts = new Map<string, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts a connection until it closes; `false` if its client has too many. Unix sockets have no address. */
  admit(socket: Socket): boolean {
    const client = socket.remoteAddress ?? "";
    if (client === "") return true;
    const count = (this.#counts.get(client) ?? 0) + 1;
    if (count > this.#max) return false;
    this.#counts.set(client, count);
    socket.on("close", () => {
      const left = (this.#counts.get(client) ?? 1) - 1;
      if (left === 0) this.#counts.delete(client);
      else this.#counts.set(client, left);
    });
    return true;
  }
}

function tlsBuffers({ tls }: ListenOptions): { cert?: Buffer; key?: Buffer; ca?: Buffer } {
  if (tls === undefined) return {};
  return {
    cert: Buffer.from(tls.cert),
    key: Buffer.from(tls.key),
    ...(tls.ca === undefined ? {} : { ca: Buffer.from(tls.ca) }),
  };
}

function bind(server: NetServer, target: ListenTarget): Promise<void> {
  if (target.kind === "unix") removeStaleSocket(target.path);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const done = (): void => {
      server.off("error", reject);
      try {
        if (target.kind === "unix" && target.owner !== undefined) setOwner(target.path, target.owner);
        resolve();
      } catch (error) {
        server.close();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    if (target.kind === "unix") server.listen(target.path, done);
    else server.listen(target.port, target.host, done);
  });
}

/** A socket file that an earlier run left behind would refuse the bind. Other files stay. */
function removeStaleSocket(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
}
