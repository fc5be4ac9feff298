/** How a server that does not lead reaches the one that does. */
import type { Clock } from "../lib/clock.ts";
import type { RpcMethod } from "../wire/rpc/method.ts";

/** A server, as the consensus knows it. */
export interface LeaderAddress {
  readonly id: string;
  /** host:port of its RPC door. */
  readonly address: string;
}

/** A call as it was made here, to be made there. */
export interface ForwardedCall<Q, R> {
  readonly method: RpcMethod<Q, R>;
  readonly request: Q;
}

/** Carries calls to other servers. */
export interface Forwarder {
  /**
   * Makes the call at `leader`; `signal` gives it up. Rejects with what the leader answered, or with an error
   * of `wire/rpc/error-text.ts`.
   */
  forward<Q, R>(
    leader: LeaderAddress,
    call: ForwardedCall<Q, R>,
    signal: AbortSignal | undefined,
  ): Promise<R>;
}

/** A request's patience while there is no leader: over `ms` after it was made or renewed. */
export class HoldTime {
  readonly #clock: Clock;
  readonly #ms: number;
  #endMs: number;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
    this.#endMs = clock.monotonicMs() + ms;
  }

  get isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#endMs;
  }

  /** Starts over: something went well for a while. */
  renew(): void {
    this.#endMs = this.#clock.monotonicMs() + this.#ms;
  }
}
