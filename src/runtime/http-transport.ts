/**
 * The client's way to an agent over `node:http`: TCP, TLS and Unix sockets, the path sent as it is.
 *
 * `fetch` would rewrite paths (`//`, `..`) that a KV key may hold, hence not `fetch`.
 */
import * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type {
  HttpEndpoint,
  HttpReply,
  HttpRequest,
  HttpTransport,
  TlsMaterial,
  TransportOpener,
} from "../client/transport.ts";
import { ProconsulError } from "../lib/errors.ts";
import { NetworkError } from "../lib/network-error.ts";

function tlsOptions(endpoint: HttpEndpoint, tls: TlsMaterial): https.AgentOptions {
  const serverName = tls.serverName ?? (endpoint.kind === "tcp" ? endpoint.host : "localhost");
  return {
    rejectUnauthorized: tls.verify,
    // TLS names hosts only: an address is checked against the certificate without being announced.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(tls.authorities === undefined ? {} : { ca: [...tls.authorities] }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
}

/** What the exchange failed with; a failure of ours, such as of a file that was being sent, stays itself. */
function toNetworkError(error: unknown): ProconsulError {
  if (error instanceof ProconsulError) return error;
  const field = (name: string): string | undefined =>
    typeof error === "object" && error !== null && name in error
      ? String((error as Readonly<Record<string, unknown>>)[name])
      : undefined;
  return new NetworkError(field("message") ?? String(error), {
    errno: field("code") ?? "",
    address: field("address"),
    cause: error,
  });
}

class NodeHttpTransport implements HttpTransport {
  readonly #secure: boolean;
  readonly #agent: http.Agent;
  readonly #base: https.RequestOptions;

  constructor(endpoint: HttpEndpoint, tls: TlsMaterial) {
    this.#secure = endpoint.secure;
    const secure = endpoint.secure ? tlsOptions(endpoint, tls) : {};
    this.#agent = endpoint.secure
      ? new https.Agent({ keepAlive: true, ...secure })
      : new http.Agent({ keepAlive: true });
    const where =
      endpoint.kind === "unix" ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port };
    this.#base = { ...where, ...secure, agent: this.#agent };
  }

  async send(request: HttpRequest): Promise<HttpReply> {
    try {
      return toReply(await this.#exchange(request));
    } catch (error) {
      throw toNetworkError(error);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(request: HttpRequest): Promise<http.IncomingMessage> {
    const open = this.#secure ? https.request : http.request;
    const { body } = request;
    const length = body instanceof Uint8Array ? { "Content-Length": String(body.length) } : {};
    return new Promise((resolve, reject) => {
      const outgoing = open(
        {
          ...this.#base,
          method: request.method,
          path: request.target,
          headers: { ...request.headers, ...length },
          ...(request.signal === undefined ? {} : { signal: request.signal }),
        },
        resolve,
      );
      outgoing.on("error", reject);
      if (body === undefined || body instanceof Uint8Array) outgoing.end(body);
      // A server may answer before it has read everything; then its answer counts, not the broken pipe.
      else pipeline(Readable.from(body, { objectMode: false }), outgoing).catch(reject);
    });
  }
}

function toReply(incoming: http.IncomingMessage): HttpReply {
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of incoming) yield chunk as Uint8Array;
    } catch (error) {
      throw toNetworkError(error);
    }
  }
  return {
    status: incoming.statusCode ?? 0,
    header: (name) => {
      const value = incoming.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    body: body(),
  };
}

/** Opens transports over the machine's network. */
export const nodeTransports: TransportOpener = {
  open: (endpoint, tls) => new NodeHttpTransport(endpoint, tls),
};
