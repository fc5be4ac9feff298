/**
 * The port through which the client speaks HTTP. `runtime` implements it over TCP, TLS and Unix
 * sockets; tests implement it with a literal object.
 */

/** Where the agent listens. `authority` is `host:port` or `host`, as the user wrote it. */
export type HttpEndpoint =
  | {
      readonly kind: "tcp";
      readonly secure: boolean;
      readonly authority: string;
      /** Name or address, without brackets. */
      readonly host: string;
      readonly port: number;
    }
  | { readonly kind: "unix"; readonly secure: boolean; readonly path: string };

/** What a client brings to TLS; certificates and keys as PEM. */
export interface TlsMaterial {
  /** Authorities to trust instead of the system's. */
  readonly authorities: readonly string[] | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Name to expect in the server's certificate; the host of the address if absent. */
  readonly serverName: string | undefined;
  /** False skips the check of the server's certificate. */
  readonly verify: boolean;
}

/** One request. `target` is path and query, already escaped; it goes onto the wire as it is. */
export interface HttpRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is sent in chunks. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** Aborting breaks the exchange, also while the reply's body is being read. */
  readonly signal: AbortSignal | undefined;
}

/** A reply whose head has arrived. The body has to be read to its end or broken off by the signal. */
export interface HttpReply {
  readonly status: number;
  /** Value of a header by its lower-case name. */
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** An open way to one agent. */
export interface HttpTransport {
  /** Rejects with `NetworkError` if no reply arrives; so does the body if it breaks off. */
  send(request: HttpRequest): Promise<HttpReply>;
  /** Drops idle connections; the transport is not used afterwards. */
  close(): void;
}

/** Makes transports. Nothing is dialled before the first request. */
export interface TransportOpener {
  open(endpoint: HttpEndpoint, tls: TlsMaterial): HttpTransport;
}
