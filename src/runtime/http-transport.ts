/**
 * The client's way to an agent over `node:http`: TCP, TLS and Unix sockets, the path sent as it is.
 *
 * `fetch` would rewrite paths (`//`, `..`) that a KV key may hold, hence not `fetch`.
 */
import { readdirSync, readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ClientSettingsError, TransportError } from "../client/errors.ts";
import { renderExchangeFailure, splitAuthority } from "../client/transport-text.ts";
import type {
  HttpEndpoint,
  HttpReply,
  HttpRequest,
  HttpTransport,
  TlsFiles,
  TransportOpener,
} from "../client/transport.ts";
import { goFileText } from "./go-file-text.ts";

function readPem(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ClientSettingsError(`Error loading ${what}: ${goFileText("open", path, cause)}`, { cause });
  }
}

function authorities(tls: TlsFiles): readonly string[] | undefined {
  if (tls.caFile !== undefined) return [readPem(tls.caFile, "CA File")];
  const { caPath } = tls;
  if (caPath === undefined) return undefined;
  let names: readonly string[];
  try {
    names = readdirSync(caPath);
  } catch (cause) {
    throw new ClientSettingsError(`Error loading CA Path: ${goFileText("open", caPath, cause)}`, { cause });
  }
  return names.map((name) => readPem(join(caPath, name), "CA Path"));
}

function tlsOptions(endpoint: HttpEndpoint, tls: TlsFiles): https.AgentOptions {
  const ca = authorities(tls);
  const host = endpoint.kind === "tcp" ? splitAuthority(endpoint.authority, true).host : "localhost";
  const serverName = tls.serverName?.replace(/:\d+$/u, "") ?? host;
  return {
    rejectUnauthorized: tls.verify,
    // TLS names hosts only: an address is checked against the certificate without being announced.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(tls.certFile === undefined ? {} : { cert: readPem(tls.certFile, "client certificate") }),
    ...(tls.keyFile === undefined ? {} : { key: readPem(tls.keyFile, "client key") }),
  };
}

function toTransportError(endpoint: HttpEndpoint, error: unknown): TransportError {
  const field = (name: string): string | undefined =>
    typeof error === "object" && error !== null && name in error
      ? String((error as Readonly<Record<string, unknown>>)[name])
      : undefined;
  const failure = {
    errno: field("code") ?? "",
    message: field("message") ?? String(error),
    address: field("address"),
  };
  return new TransportError(renderExchangeFailure(endpoint, failure), { cause: error });
}

class NodeHttpTransport implements HttpTransport {
  readonly #endpoint: HttpEndpoint;
  readonly #agent: http.Agent;
  readonly #base: https.RequestOptions;

  constructor(endpoint: HttpEndpoint, tls: TlsFiles) {
    this.#endpoint = endpoint;
    // Read even where they are not needed, so that a wrong path is told at once, as the reference does.
    const material = tlsOptions(endpoint, tls);
    const secure = endpoint.secure ? material : {};
    this.#agent = endpoint.secure
      ? new https.Agent({ keepAlive: true, ...secure })
      : new http.Agent({ keepAlive: true });
    const where =
      endpoint.kind === "unix"
        ? { socketPath: endpoint.path }
        : splitAuthority(endpoint.authority, endpoint.secure);
    this.#base = { ...where, ...secure, agent: this.#agent };
  }

  async send(request: HttpRequest): Promise<HttpReply> {
    try {
      return this.#toReply(await this.#exchange(request));
    } catch (error) {
      throw toTransportError(this.#endpoint, error);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(request: HttpRequest): Promise<http.IncomingMessage> {
    const open = this.#endpoint.secure ? https.request : http.request;
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

  #toReply(incoming: http.IncomingMessage): HttpReply {
    const endpoint = this.#endpoint;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of incoming) yield chunk as Uint8Array;
      } catch (error) {
        throw toTransportError(endpoint, error);
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
}

/** Opens transports over the machine's network. */
export const nodeTransports: TransportOpener = {
  open: (endpoint, tls) => new NodeHttpTransport(endpoint, tls),
};
