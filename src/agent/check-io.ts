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

export interface CommandProbe {
  /** Program and arguments; no shell. */
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
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
  run(probe: CommandProbe, signal: AbortSignal): Promise<CommandResult>;
}
