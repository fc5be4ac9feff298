/**
 * A server: finds the endpoint of a call, makes sure that someone leads, and runs it.
 *
 * While there is no leader a call waits `rpcHoldTimeoutMs` for one and then fails with `No cluster leader`.
 */
import { allowAll } from "../acl/authorizer.ts";
import { NoLeaderError, NotLeaderError } from "../lib/consensus.ts";
import { RpcError, type Rpc, type RpcMethod } from "../wire/rpc/method.ts";
import type { AnyEndpoint, Caller, Endpoint, ServerContext } from "./context.ts";

/** Clients match on this text. */
export const noPathToDatacenter = "No path to datacenter";

interface CommonRequest {
  readonly Datacenter?: string;
  readonly AllowStale?: boolean;
}

export class Server implements Rpc {
  readonly #context: ServerContext;
  readonly #endpoints = new Map<string, Endpoint<unknown, unknown>>();
  readonly #leading: Disposable;
  readonly #waiting = new Set<() => void>();
  /** This server leads, and its state holds everything that was acknowledged before it did. */
  #isReady = false;
  /** Counts changes of leadership, so that a barrier of an earlier one changes nothing. */
  #leadership = 0;

  constructor(context: ServerContext, endpoints: readonly AnyEndpoint[]) {
    this.#context = context;
    for (const one of endpoints) {
      const known = one as unknown as Endpoint<unknown, unknown>;
      this.#endpoints.set(known.method.name, known);
    }
    this.#leading = context.consensus.onLeadership((leading) => {
      this.#isReady = false;
      this.#leadership += 1;
      if (leading) void this.#becomeReady(this.#leadership);
    });
  }

  /**
   * A new leader's log may be ahead of its state: a read would miss writes that were acknowledged by the leader
   * before, or by this server before it was started again. So nothing is answered until all of it is applied.
   */
  async #becomeReady(leadership: number): Promise<void> {
    try {
      await this.#context.consensus.barrier();
    } catch (error) {
      // Leadership was lost meanwhile, and the next one asks again; or the engine has stopped.
      this.#context.log.debug("not ready to lead", { error: String(error) });
      return;
    }
    if (leadership !== this.#leadership) return;
    this.#isReady = true;
    for (const wake of this.#waiting) wake();
  }

  get context(): ServerContext {
    return this.#context;
  }

  async call<Q, R>(method: RpcMethod<Q, R>, request: Q, signal?: AbortSignal): Promise<R> {
    const endpoint = this.#endpoints.get(method.name);
    if (endpoint === undefined) throw new RpcError(`rpc: can't find method ${method.name}`);
    const { Datacenter, AllowStale } = request as CommonRequest;
    if (Datacenter !== undefined && Datacenter !== "" && Datacenter !== this.#context.settings.datacenter) {
      throw new RpcError(noPathToDatacenter);
    }
    const anywhere = endpoint.kind === "local" || (endpoint.kind === "read" && AllowStale === true);
    const caller: Caller = { authorizer: allowAll, signal };
    for (let attempt = 0; ; attempt += 1) {
      if (!this.#isReady && !anywhere) await this.#leaderOrFail();
      try {
        return (await endpoint.handle(this.#context, request, caller)) as R;
      } catch (error) {
        // Nothing was proposed, so the call may be made again under the next leader.
        if (!(error instanceof NotLeaderError) || attempt > 0) throw error;
        this.#isReady &&= this.#context.consensus.status().role === "leader";
      }
    }
  }

  close(): void {
    this.#leading[Symbol.dispose]();
    for (const wake of this.#waiting) wake();
  }

  async #leaderOrFail(): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer[Symbol.dispose]();
        this.#waiting.delete(done);
        resolve();
      };
      const timer = this.#context.clock.after(this.#context.settings.rpcHoldTimeoutMs, done);
      this.#waiting.add(done);
    });
    if (!this.#isReady) throw new NoLeaderError();
  }
}
