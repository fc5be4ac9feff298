/** A check that its owner must renew: without word within the TTL it turns critical. */
import type { CheckRunner, RunnerDeps } from "./runner.ts";

export interface TtlOptions {
  readonly checkId: string;
  readonly ttlMs: number;
  readonly outputBytesMax: number;
}

const utf8 = new TextEncoder();

export class TtlRunner implements CheckRunner {
  readonly #deps: RunnerDeps;
  readonly #options: TtlOptions;
  #deadlineMs: number;
  #timer: Disposable | undefined;
  #lastOutput = "";

  constructor(deps: RunnerDeps, options: TtlOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#deadlineMs = deps.clock.monotonicMs() + options.ttlMs;
    this.#arm(options.ttlMs);
  }

  get ttlMs(): number {
    return this.#options.ttlMs;
  }

  /** Takes the owner's word. Answers the output as it is kept. */
  report(status: string, output: string): string {
    const kept = cut(output, this.#options.outputBytesMax);
    this.#deps.state.updateCheck(this.#options.checkId, status, kept);
    this.#lastOutput = kept;
    // The timer that runs looks at the deadline when it fires: a renewal costs no timer.
    this.#deadlineMs = this.#deps.clock.monotonicMs() + this.#options.ttlMs;
    if (this.#timer === undefined) this.#arm(this.#options.ttlMs);
    return kept;
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#timer = this.#deps.clock.after(delayMs, () => {
      this.#timer = undefined;
      const leftMs = this.#deadlineMs - this.#deps.clock.monotonicMs();
      if (leftMs > 0) return this.#arm(leftMs);
      this.#deps.log.warn("check missed TTL, is now critical", { check: this.#options.checkId });
      this.#deps.state.updateCheck(this.#options.checkId, "critical", expiredText(this.#lastOutput));
    });
  }
}

function expiredText(lastOutput: string): string {
  return lastOutput === ""
    ? "TTL expired"
    : `TTL expired (last output before timeout follows): ${lastOutput}`;
}

function cut(output: string, bytesMax: number): string {
  if (output.length * 3 <= bytesMax) return output;
  const bytes = utf8.encode(output);
  if (bytes.length <= bytesMax) return output;
  const kept = new TextDecoder().decode(bytes.subarray(0, bytesMax));
  return `${kept} ... (captured ${bytesMax} of ${bytes.length} bytes)`;
}
