/** The outside world as checks see it. The runtime implements it; tests replace it. */

import type { CapturedOutput } from "../lib/tail-buffer.ts";

export interface HttpProbe {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
  readonly timeoutMs: number;
  readonly followRedirects: boolean;
  readonly tlsServerName: string;
  readonly tlsSkipVerify: boolean;
  readonly outputBytesMax: number;
}

export interface HttpProbeResult {
  readonly status: number;
  readonly statusText: string;
  readonly output: CapturedOutput;
}

export interface TcpProbe {
  /** host:port */
  readonly address: string;
  readonly timeoutMs: number;
  readonly tls: boolean;
  readonly tlsServerName: string;
  readonly tlsSkipVerify: boolean;
}

/** How a connection is secured. */
export interface CheckTls {
  /** Name that the certificate must have; "": the host's. */
  readonly serverName: string;
  readonly skipVerify: boolean;
}

export interface UdpProbe {
  /** host:port */
  readonly address: string;
  readonly timeoutMs: number;
}

export interface Http2Probe {
  /** host:port */
  readonly address: string;
  readonly timeoutMs: number;
  /** `undefined`: plain text, with prior knowledge. */
  readonly tls: CheckTls | undefined;
}

export interface GrpcProbe extends Http2Probe {
  /** "" asks for the health of the whole server. */
  readonly service: string;
}

/** One request to the Docker daemon. */
export interface DockerRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: object;
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
}

export interface DockerReply {
  readonly status: number;
  readonly output: CapturedOutput;
}

export interface CommandProbe {
  /** Program and arguments; no shell. */
  readonly argv: readonly string[];
  /** `undefined`: it may take as long as it likes. */
  readonly timeoutMs: number | undefined;
  readonly outputBytesMax: number;
  /** Its standard input; nothing if absent. */
  readonly stdin?: Uint8Array;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  /** Exit code; `undefined` when a signal ended it. */
  readonly exitCode: number | undefined;
  /** The time was up: the process and its children were killed. */
  readonly timedOut: boolean;
  readonly output: CapturedOutput;
}

/** Every method rejects with an `Error` whose message is the check's output. `signal` gives up early. */
export interface CheckIo {
  http(probe: HttpProbe, signal: AbortSignal): Promise<HttpProbeResult>;
  tcp(probe: TcpProbe, signal: AbortSignal): Promise<void>;
  /** Settles when the other side answers, or says nothing at all within the time. */
  udp(probe: UdpProbe, signal: AbortSignal): Promise<void>;
  /** Settles when an HTTP/2 PING is answered. */
  h2ping(probe: Http2Probe, signal: AbortSignal): Promise<void>;
  /** The serving status by `grpc.health.v1.Health/Check`, as a number of that protocol. */
  grpc(probe: GrpcProbe, signal: AbortSignal): Promise<number>;
  /** Asks the Docker daemon of this host. */
  docker(request: DockerRequest, signal: AbortSignal): Promise<DockerReply>;
  run(probe: CommandProbe, signal: AbortSignal): Promise<CommandResult>;
}
