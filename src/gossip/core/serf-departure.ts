/**
 * Leaving in good order, and making others leave: what waits until the word is out.
 *
 *     running ── leave intent queued ──▶ leaving ── told, or time over ──▶ SWIM leaves ── delay ──▶ left
 *
 * Source: protocol reference, gossip-serf section 3.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { SerfContext } from "./serf-context.ts";

export type SerfState = "running" | "leaving" | "left" | "shutdown";

interface Waiting {
  /** `undefined`: this node's own leave. */
  readonly requestId: number | undefined;
  readonly deadlineMs: MonotonicMs;
}

export class Departure {
  readonly #context: SerfContext;
  readonly #waiting = new Map<number, Waiting>();
  #token = 0;
  #state: SerfState = "running";
  #leftAtMs: MonotonicMs | undefined;

  constructor(context: SerfContext) {
    this.#context = context;
  }

  get state(): SerfState {
    return this.#state;
  }

  /** Begins to leave. Answers why it cannot, in the reference's words. */
  begin(): string | undefined {
    switch (this.#state) {
      case "running":
        this.#state = "leaving";
        return undefined;
      case "leaving":
        return "Leave already in progress";
      case "left":
        return "Leave already done";
      case "shutdown":
        return "Leave called after Shutdown";
    }
  }

  /** A leave intent is about to be queued: answers its token. `requestId` undefined: this node's own. */
  expect(requestId?: number): number {
    this.#token += 1;
    const deadlineMs = (this.#context.nowMs + this.#context.options.broadcastTimeoutMs) as MonotonicMs;
    this.#waiting.set(this.#token, { requestId, deadlineMs });
    return this.#token;
  }

  /** The intent was told often enough. */
  told(token: number): void {
    const waiting = this.#waiting.get(token);
    this.#waiting.delete(token);
    if (waiting !== undefined) this.finish(waiting.requestId, undefined);
  }

  /** Nothing more to wait for. */
  finish(requestId: number | undefined, problem: string | undefined): void {
    if (requestId !== undefined) this.#context.push({ kind: "forceLeft", requestId, problem });
    else this.#context.push({ kind: "leaveSwim" });
  }

  /** SWIM is done with its leave: the rest of the pool gets time to hear of it. */
  swimHasLeft(): void {
    if (this.#state !== "leaving") return;
    this.#leftAtMs = (this.#context.nowMs + this.#context.options.leavePropagateDelayMs) as MonotonicMs;
    this.fire();
  }

  /** The node is stopped without a leave. */
  shutdown(): void {
    this.#state = "shutdown";
  }

  /** Ends what is due. Answers when the next is. */
  fire(): MonotonicMs | undefined {
    const { nowMs } = this.#context;
    for (const [token, { requestId, deadlineMs }] of this.#waiting) {
      if (deadlineMs > nowMs) continue;
      this.#waiting.delete(token);
      if (requestId === undefined) this.#context.log("warn", "timeout while waiting for graceful leave");
      this.finish(requestId, "timed out broadcasting node removal");
    }
    if (this.#leftAtMs !== undefined && this.#leftAtMs <= nowMs) {
      this.#leftAtMs = undefined;
      if (this.#state === "leaving") this.#state = "left";
      this.#context.push({ kind: "left" });
    }
    return this.#next();
  }

  #next(): MonotonicMs | undefined {
    let next = this.#leftAtMs;
    for (const { deadlineMs } of this.#waiting.values())
      if (next === undefined || deadlineMs < next) next = deadlineMs;
    return next;
  }
}
