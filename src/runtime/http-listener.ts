/**
 * The HTTP listener of both runtimes: sockets from the system, each with a connection of its own.
 *
 * Own connections rather than a server of the runtimes: `node:http` costs more than our answers (see
 * `http-connection.ts`), and Bun's own server resolves dot segments, which may be part of a KV key.
 */
import { rmSync, statSync } from "node:fs";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { App } from "../http/app.ts";
import { bindText } from "../lib/bind-text.ts";
import { ProconsulError } from "../lib/errors.ts";
import { renderHostPort } from "../lib/ip.ts";
import { HttpConnection } from "./http-connection.ts";
import { HttpDate } from "./http-date.ts";
import { GzipCache } from "./http-gzip.ts";
import { JoinedAnswers } from "./http-joined.ts";
import type { HttpsTls } from "./https-tls.ts";
import { setOwner, type SocketOwner } from "./socket-owner.ts";

/** An address that cannot be bound; in Go's words. */
export class ListenError extends ProconsulError {
  readonly code = "listen";
}

/** How long a listener that closes lets answers finish. */
const closeGraceMs = 250;
const headBytesMaxDefault = 1024 * 1024;

export type ListenTarget =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string; readonly owner?: SocketOwner };

/** What may change while a listener runs. */
export interface ListenSettings {
  readonly tls?: HttpsTls;
  /** Connections of one client address at a time; more are closed at once. */
  readonly connectionsPerClientMax?: number;
}

export interface ListenOptions extends ListenSettings {
  readonly headerBytesMax?: number;
}

export interface Listener {
  /** The port in use; 0 for a unix socket. */
  readonly port: number;
  /** Takes over other settings; connections that are open stay. Rejects when the address is lost. */
  configure(settings: ListenSettings): Promise<void>;
  close(): Promise<void>;
}

/** Serves `app` at `target`. Rejects when the address cannot be bound. */
export async function listenHttp(
  app: App,
  target: ListenTarget,
  options: ListenOptions = {},
): Promise<Listener> {
  const listener = new HttpListener(app, target, options);
  await listener.open();
  return listener;
}

class HttpListener implements Listener {
  readonly #target: ListenTarget;
  readonly #shared: ConstructorParameters<typeof HttpConnection>[1];
  readonly #open = new Map<Socket, HttpConnection>();
  readonly #clients: ClientCounts;
  #tls: HttpsTls | undefined;
  #server: NetServer;
  #port = 0;

  constructor(app: App, target: ListenTarget, options: ListenOptions) {
    this.#target = target;
    this.#shared = {
      app,
      headBytesMax: options.headerBytesMax ?? headBytesMaxDefault,
      date: new HttpDate(),
      gzip: new GzipCache(),
      joined: new JoinedAnswers(),
    };
    this.#clients = new ClientCounts(options.connectionsPerClientMax);
    this.#tls = options.tls;
    this.#server = this.#create();
  }

  get port(): number {
    return this.#port;
  }

  async open(): Promise<void> {
    await bind(this.#server, this.#target);
    const address = this.#server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
  }

  async configure({ tls, connectionsPerClientMax }: ListenSettings): Promise<void> {
    this.#clients.limit(connectionsPerClientMax);
    if (JSON.stringify(tls) === JSON.stringify(this.#tls)) return;
    this.#tls = tls;
    // A new server in the place of the old one: Bun's takes no other certificate once it listens.
    this.#server.close();
    this.#server = this.#create();
    const target = this.#target.kind === "tcp" ? { ...this.#target, port: this.#port } : this.#target;
    await bind(this.#server, target);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const connection of this.#open.values()) connection.end();
      // Answers under way get a moment; who waits in a blocking query is cut off.
      setTimeout(() => {
        for (const socket of this.#open.keys()) socket.destroy();
      }, closeGraceMs).unref();
    });
  }

  #create(): NetServer {
    const accept = (socket: Socket): void => this.#accept(socket);
    if (this.#tls === undefined) return createServer({ allowHalfOpen: true }, accept);
    const options = { allowHalfOpen: true, ALPNProtocols: ["http/1.1"], ...this.#tls };
    const server = createTlsServer(options, accept);
    // Bun tells of a handshake that takes too long and leaves the connection open.
    server.on("tlsClientError", (_, socket) => socket.destroy());
    return server;
  }

  #accept(socket: Socket): void {
    if (!this.#clients.admit(socket)) {
      socket.on("error", () => undefined);
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    this.#open.set(socket, new HttpConnection(socket, this.#shared));
    socket.on("close", () => this.#open.delete(socket));
  }
}

/** Connections of each client address. */
class ClientCounts {
  readonly #counts = new Map<string, number>();
  #max = Number.POSITIVE_INFINITY;

  constructor(max: number | undefined) {
    this.limit(max);
  }

  /** Sets another limit, `undefined` for none; connections that are open stay. */
  limit(max: number | undefined): void {
    this.#max = max ?? Number.POSITIVE_INFINITY;
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

function bind(server: NetServer, target: ListenTarget): Promise<void> {
  if (target.kind === "unix") removeStaleSocket(target.path);
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(toListenError(target, error)));
    const done = (): void => {
      server.removeAllListeners("error");
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

function toListenError(target: ListenTarget, error: Error): ListenError {
  const errno = "code" in error ? String(error.code) : "";
  const failure = { errno, message: error.message };
  const text =
    target.kind === "unix"
      ? bindText("unix", target.path, failure)
      : bindText("tcp", renderHostPort(target.host, target.port), failure);
  return new ListenError(text, { cause: error });
}

/** A socket file that an earlier run left behind would refuse the bind. Other files stay. */
function removeStaleSocket(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
}
