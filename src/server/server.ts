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
  #isLeader = false;

  constructor(context: ServerContext, endpoints: readonly AnyEndpoint[]) {
    this.#context = context;
    for (const one of endpoints) {
      const known = one as unknown as Endpoint<unknown, unknown>;
      this.#endpoints.set(known.method.name, known);
    }
    this.#leading = context.consensus.onLeadership((leading) => {
      this.#isLeader = leading;
      if (leading) for (const wake of this.#waiting) wake();
    });
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
      if (!this.#isLeader && !anywhere) await this.#leaderOrFail();
      try {
        return (await endpoint.handle(this.#context, request, caller)) as R;
      } catch (error) {
        // Nothing was proposed, so the call may be made again under the next leader.
        if (!(error instanceof NotLeaderError) || attempt > 0) throw error;
        this.#isLeader = this.#context.consensus.status().role === "leader";
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
    if (!this.#isLeader) throw new NoLeaderError();
  }
}
