/**
 * The port through which the client speaks HTTP. `runtime` implements it over TCP, TLS and Unix
 * sockets; tests implement it with a literal object.
 */

/** Where the agent listens. `authority` is `host:port` or `host`, as the user wrote it. */
export type HttpEndpoint =
  | { readonly kind: "tcp"; readonly secure: boolean; readonly authority: string }
  | { readonly kind: "unix"; readonly secure: boolean; readonly path: string };

/** TLS material by path, as the command line and the environment name it. */
export interface TlsFiles {
  readonly caFile: string | undefined;
  /** A folder: every file in it is a certificate authority. */
  readonly caPath: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
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
  /** Rejects with `TransportError` if no reply arrives. */
  send(request: HttpRequest): Promise<HttpReply>;
  /** Drops idle connections; the transport is not used afterwards. */
  close(): void;
}

/** Makes transports. Throws `ClientSettingsError` if TLS material cannot be read. */
export interface TransportOpener {
  open(endpoint: HttpEndpoint, tls: TlsFiles): HttpTransport;
}
