/** Calls to servers, some of which the agent's cache answers: for doors that ask the same again and again. */
import { millisecondNs } from "../lib/duration.ts";
import {
  healthServicesCache,
  nodeServicesCache,
  preparedQueryCache,
  type CacheableRequest,
  type CacheType,
} from "../wire/rpc/cache-types.ts";
import type { KeptReply, Rpc, RpcMethod } from "../wire/rpc/method.ts";
import type { AgentCache } from "./cache.ts";

/** Whether the cache is used at this moment, and how old an answer may be. */
export interface CacheUse {
  readonly useCache: boolean;
  /** `undefined` for any age. */
  readonly cacheMaxAgeMs: number | undefined;
}

type AnyType = CacheType<CacheableRequest, unknown>;

const types: ReadonlyMap<string, AnyType> = new Map(
  [healthServicesCache, nodeServicesCache, preparedQueryCache].map((type) => [
    type.method.name,
    type as unknown as AnyType,
  ]),
);

/** Answers health of services, nodes and results of queries from the cache, where the caller takes a stale reply. */
export class CachedRpc implements Rpc {
  readonly #rpc: Rpc;
  readonly #cache: Pick<AgentCache, "get" | "peek">;
  readonly #use: () => CacheUse;

  constructor(rpc: Rpc, cache: Pick<AgentCache, "get" | "peek">, use: () => CacheUse) {
    this.#rpc = rpc;
    this.#cache = cache;
    this.#use = use;
  }

  async call<Q, R>(method: RpcMethod<Q, R>, request: Q, signal?: AbortSignal): Promise<R> {
    const type = this.#typeFor(method, request);
    if (type === undefined) return this.#rpc.call(method, request, signal);
    const { reply } = await this.#cache.get(type, this.#asked(request), signal);
    return reply as R;
  }

  callNow<Q, R>(method: RpcMethod<Q, R>, request: Q): R | undefined {
    const type = this.#typeFor(method, request);
    if (type === undefined) return this.#rpc.callNow?.(method, request);
    return this.#peek<R>(type, request)?.reply;
  }

  keep<Q, R>(method: RpcMethod<Q, R>, request: Q): KeptReply<R> | undefined {
    const type = this.#typeFor(method, request);
    if (type === undefined) return this.#rpc.keep?.(method, request);
    return this.#peek<R>(type, request);
  }

  #peek<R>(type: AnyType, request: unknown): KeptReply<R> | undefined {
    return this.#cache.peek(type, this.#asked(request)) as KeptReply<R> | undefined;
  }

  #asked(request: unknown): CacheableRequest {
    const MaxAge = (this.#use().cacheMaxAgeMs ?? 0) * millisecondNs;
    return { ...(request as CacheableRequest), MaxAge };
  }

  #typeFor<Q, R>({ name }: RpcMethod<Q, R>, request: Q): AnyType | undefined {
    if (!this.#use().useCache) return undefined;
    return (request as Partial<CacheableRequest>).AllowStale === true ? types.get(name) : undefined;
  }
}
