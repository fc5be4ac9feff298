/**
 * The HTTP server of both runtimes, on `node:http`: the one server API here that hands the path over as it
 * was sent (others resolve dot segments, which may be part of a KV key).
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { chmodSync, readFileSync, rmSync, statSync } from "node:fs";
import type { Server as NetServer, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import type { App } from "../http/app.ts";
import type { HttpRequest, HttpResponse } from "../http/types.ts";
import { BodyTooLargeError } from "../lib/errors.ts";

/** Answers smaller than this are not worth compressing (the reference's handler uses the same). */
const gzipBytesMin = 1400;
/** How long a listener that closes lets answers finish. */
const closeGraceMs = 250;

export type ListenTarget =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string; readonly mode: number | undefined };

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
  const busy = new Set<Socket>();
  const serve = (message: IncomingMessage, response: ServerResponse): void => {
    const { socket } = message;
    busy.add(socket);
    response.once("close", () => busy.delete(socket));
    void respond(app, message, response);
  };
  const settings = {
    maxHeaderSize: options.headerBytesMax ?? 1024 * 1024,
    keepAliveTimeout: 0,
    requestTimeout: 0,
  };
  const server: NetServer =
    options.tls === undefined
      ? createServer(settings, serve)
      : createTlsServer({ ...settings, ...tlsBuffers(options) }, serve);
  const sockets = new Set<Socket>();
  const perClient = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    const client = socket.remoteAddress ?? "";
    const count = (perClient.get(client) ?? 0) + 1;
    perClient.set(client, count);
    socket.on("close", () => {
      sockets.delete(socket);
      const left = (perClient.get(client) ?? 1) - 1;
      if (left === 0) perClient.delete(client);
      else perClient.set(client, left);
    });
    if (client !== "" && count > (options.connectionsPerClientMax ?? Number.POSITIVE_INFINITY))
      socket.destroy();
  });
  await bind(server, target);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) if (!busy.has(socket)) socket.destroy();
        // Answers under way get a moment; who waits in a blocking query is cut off.
        setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, closeGraceMs).unref();
      }),
  };
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
      if (target.kind === "unix" && target.mode !== undefined) chmodSync(target.path, target.mode);
      resolve();
    };
    if (target.kind === "unix") server.listen(target.path, done);
    else server.listen(target.port, target.host, done);
  });
}

/** A socket file that an earlier run left behind would refuse the bind. Other files stay. */
function removeStaleSocket(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
}

async function respond(app: App, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = new NodeHttpRequest(message, response);
  const answer = await app(request);
  try {
    await send(message, response, answer);
  } catch {
    // The client hung up, or its stream's source failed: there is nobody left to tell.
    response.destroy();
  }
  // An unread body would be taken for the next request of the connection.
  if (!message.readableEnded) message.resume();
}

class NodeHttpRequest implements HttpRequest {
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly method: string;
  readonly path: string;
  readonly search: string;
  #signal: AbortSignal | undefined;

  constructor(message: IncomingMessage, response: ServerResponse) {
    this.#message = message;
    this.#response = response;
    this.method = message.method ?? "GET";
    const url = message.url ?? "/";
    const at = url.indexOf("?");
    this.path = at < 0 ? url : url.slice(0, at);
    this.search = at < 0 ? "" : url.slice(at + 1);
  }

  get remoteAddress(): string {
    return this.#message.socket.remoteAddress ?? "";
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController();
      this.#signal = controller.signal;
      this.#response.on("close", () => {
        if (!this.#response.writableFinished) controller.abort();
      });
    }
    return this.#signal;
  }

  header(name: string): string | undefined {
    const value = this.#message.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  async body(bytesMax: number): Promise<Uint8Array> {
    const declared = Number(this.header("content-length") ?? 0);
    if (declared > bytesMax) throw new BodyTooLargeError(bytesMax);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of this.#message as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > bytesMax) throw new BodyTooLargeError(bytesMax);
      parts.push(part);
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  }
}

async function send(message: IncomingMessage, response: ServerResponse, answer: HttpResponse): Promise<void> {
  const headers: Record<string, string | number> = { ...answer.headers, Vary: "Accept-Encoding" };
  const { body } = answer;
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    response.writeHead(answer.status, headers);
    response.flushHeaders();
    for await (const part of body) {
      if (!response.write(part)) await new Promise((resolve) => response.once("drain", resolve));
    }
    response.end();
    return;
  }
  let bytes: string | Uint8Array = body;
  if (body.length >= gzipBytesMin && /\bgzip\b/.test(String(message.headers["accept-encoding"] ?? ""))) {
    bytes = gzipSync(body, { level: 1 });
    headers["Content-Encoding"] = "gzip";
  }
  headers["Content-Length"] = typeof bytes === "string" ? Buffer.byteLength(bytes) : bytes.length;
  response.writeHead(answer.status, headers);
  response.end(message.method === "HEAD" ? undefined : bytes);
}
