/** Checks that ask again and again: HTTP, TCP and scripts. The first time comes after a random part of the interval. */
import { renderDuration } from "../lib/duration.ts";
import type { CapturedOutput } from "../lib/tail-buffer.ts";
import type { CheckType } from "../wire/structs/service.ts";
import type { CheckIo } from "./check-io.ts";
import type { CheckRunner, RunnerDeps } from "./runner.ts";
import type { StatusCounter } from "./status-counter.ts";

const millisecondNs = 1e6;
/** Longest wait for an answer over the network that is not configured. */
const networkTimeoutMaxMs = 10_000;
const scriptTimeoutMs = 30_000;

/** One result. `final` ones do not count towards thresholds. */
export interface PollResult {
  readonly status: string;
  readonly output: string;
  readonly final?: boolean;
}
export type Poll = (signal: AbortSignal) => Promise<PollResult>;

export interface PollOptions {
  readonly checkId: string;
  readonly intervalMs: number;
  readonly counter: StatusCounter;
  readonly poll: Poll;
}

export class PollRunner implements CheckRunner {
  readonly #deps: RunnerDeps;
  readonly #options: PollOptions;
  readonly #abort = new AbortController();
  #timer: Disposable;

  constructor(deps: RunnerDeps, options: PollOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#timer = deps.clock.after(deps.random(options.intervalMs), () => void this.#once());
  }

  stop(): void {
    this.#abort.abort();
    this.#timer[Symbol.dispose]();
  }

  async #once(): Promise<void> {
    const { signal } = this.#abort;
    const { checkId, counter, intervalMs, poll } = this.#options;
    let result: PollResult;
    try {
      result = await poll(signal);
    } catch (error) {
      result = { status: "critical", output: error instanceof Error ? error.message : String(error) };
    }
    if (signal.aborted) return;
    const status = result.final === true ? result.status : counter.next(result.status);
    if (status !== undefined) this.#deps.state.updateCheck(checkId, status, result.output);
    this.#timer = this.#deps.clock.after(intervalMs, () => void this.#once());
  }
}

function networkTimeoutMs(check: CheckType): number {
  if (check.Timeout > 0) return check.Timeout / millisecondNs;
  return Math.min(networkTimeoutMaxMs, check.Interval / millisecondNs);
}

/** 2xx passes, 429 warns, everything else is critical. */
export function httpPoll(io: CheckIo, check: CheckType, outputBytesMax: number): Poll {
  const method = check.Method === "" ? "GET" : check.Method;
  const url = check.ProxyHTTP === "" ? check.HTTP : check.ProxyHTTP;
  const probe = {
    method,
    url,
    headers: Object.fromEntries(
      Object.entries(check.Header ?? {}).map(([name, values]) => [name, values ?? []]),
    ),
    body: check.Body,
    timeoutMs: networkTimeoutMs(check),
    followRedirects: !check.DisableRedirects,
    tlsServerName: check.TLSServerName,
    tlsSkipVerify: check.TLSSkipVerify,
    outputBytesMax,
  };
  return async (signal) => {
    const { status, statusText, output } = await io.http(probe, signal);
    const text = `HTTP ${method} ${url}: ${status} ${statusText} Output: ${decodeOutput(output.tail)}`;
    if (status >= 200 && status <= 299) return { status: "passing", output: text };
    return { status: status === 429 ? "warning" : "critical", output: text };
  };
}

/** Passes when a connection comes about. */
export function tcpPoll(io: CheckIo, check: CheckType): Poll {
  const probe = {
    address: check.TCP,
    timeoutMs: check.Timeout > 0 ? check.Timeout / millisecondNs : networkTimeoutMaxMs,
    tls: check.TCPUseTLS,
    tlsServerName: check.TLSServerName,
    tlsSkipVerify: check.TLSSkipVerify,
  };
  const name = check.TCPUseTLS ? "TCP+TLS" : "TCP";
  return async (signal) => {
    await io.tcp(probe, signal);
    return { status: "passing", output: `${name} connect ${check.TCP}: Success` };
  };
}

/** Exit code 0 passes, 1 warns, everything else is critical. */
export function scriptPoll(io: CheckIo, check: CheckType, outputBytesMax: number): Poll {
  const timeoutMs = check.Timeout > 0 ? check.Timeout / millisecondNs : scriptTimeoutMs;
  const probe = { argv: check.ScriptArgs ?? [], timeoutMs, outputBytesMax };
  return async (signal) => {
    const { exitCode, timedOut, output } = await io.run(probe, signal);
    const text = capturedText(output);
    if (timedOut) {
      const late = `Timed out (${renderDuration(timeoutMs * millisecondNs)}) running check`;
      return { status: "critical", output: text === "" ? late : `${late}\n\n${text}`, final: true };
    }
    if (exitCode === 0) return { status: "passing", output: text };
    return { status: exitCode === 1 ? "warning" : "critical", output: text };
  };
}

/** The output of a command, with a word on what is left out. */
export function capturedText({ tail, bytesTotal }: CapturedOutput): string {
  const text = decodeOutput(tail);
  return bytesTotal > tail.length ? `Captured ${tail.length} of ${bytesTotal} bytes\n...\n${text}` : text;
}

/** The bytes that were kept, as text. */
export function plainText({ tail }: CapturedOutput): string {
  return decodeOutput(tail);
}

function decodeOutput(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
