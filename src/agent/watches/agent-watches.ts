/** The watches that an agent runs for its configuration. */
import type { Clock } from "../../lib/clock.ts";
import { renderGoDurationMs } from "../../lib/go-duration.ts";
import { pause } from "../../lib/pause.ts";
import { runWatch, type WatchSource } from "../../lib/watch-plan.ts";
import { WatchSpecError, type Watch, type WatchParams } from "../../lib/watch-spec.ts";
import { callHandler, type HandlerParts } from "./watch-handler.ts";
import { readAgentWatches, type AgentWatch } from "./watch-stanza.ts";

/** What watches need. */
export interface AgentWatchParts extends HandlerParts {
  readonly clock: Clock;
  /** Whether the agent has an HTTP door; the reference's watches go through it, so they need one. */
  readonly hasHttp: boolean;
  /** Where the view of a watch comes from, read with its token and from its datacenter. */
  open(watch: Watch): WatchSource;
}

/** The watches that run; none before `replace` is called. */
export class AgentWatches implements Disposable {
  readonly #parts: AgentWatchParts;
  /** Watches that wait before they try again. */
  readonly #waiting = new Set<AbortController>();
  #running = new AbortController();

  constructor(parts: AgentWatchParts) {
    this.#parts = parts;
  }

  /**
   * Ends the watches that run and starts those of `stanzas`, all of which tell their handlers anew. Throws
   * `WatchSpecError`, with the old ones still running, if one of them is no good.
   */
  replace(stanzas: readonly WatchParams[]): void {
    if (stanzas.length > 0 && !this.#parts.hasHttp) {
      throw new WatchSpecError("watch plans require an HTTP or HTTPS endpoint");
    }
    const watches = readAgentWatches(stanzas);
    this.#running.abort();
    this.#running = new AbortController();
    for (const watch of watches) this.#start(watch, this.#running.signal);
  }

  /** As `replace`, for a configuration that was read again. */
  reload(stanzas: readonly WatchParams[]): void {
    try {
      this.replace(stanzas);
    } catch (error) {
      if (!(error instanceof WatchSpecError)) throw error;
      throw new WatchSpecError(`Failed reloading watches: ${error.message}`);
    }
  }

  /** A server may be there that was not before: watches that failed try again at once. */
  serverUp(): void {
    for (const waiting of this.#waiting) waiting.abort();
  }

  /** Ends all watches; handlers that run are left to finish. */
  [Symbol.dispose](): void {
    this.#running.abort();
  }

  #start({ watch, handler }: AgentWatch, signal: AbortSignal): void {
    const { clock, log } = this.#parts;
    const watchLog = log.named("watch");
    if (handler.kind === "script") {
      log.warn("The 'handler' field in watches has been deprecated and replaced with the 'args' field");
    }
    const running = runWatch({
      source: this.#parts.open(watch),
      clock,
      signal,
      handle: (view) => callHandler(this.#parts, handler, view),
      pauseRetry: (retryMs, over) => this.#pauseRetry(retryMs, over),
      failed: (reason, retryMs) =>
        watchLog.error("Watch errored", {
          type: watch.spec.kind,
          error: reason,
          retry: renderGoDurationMs(retryMs),
        }),
    });
    running.catch((error: unknown) => log.error("Failed to run watch", { error: String(error) }));
  }

  async #pauseRetry(retryMs: number, over: AbortSignal): Promise<"time" | "news"> {
    const waiting = new AbortController();
    const wake = (): void => waiting.abort();
    over.addEventListener("abort", wake);
    this.#waiting.add(waiting);
    await pause(this.#parts.clock, retryMs, waiting.signal);
    this.#waiting.delete(waiting);
    over.removeEventListener("abort", wake);
    return waiting.signal.aborted ? "news" : "time";
  }
}
