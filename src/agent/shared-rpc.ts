/**
 * Calls to servers by somebody who asks the same again and again, as DNS of a client agent does: equal reads that are
 * under way at the same time are one call, and replies say whether they are the same as before.
 *
 * Only reads that any server may answer are shared: who asks while a call is under way gets its reply, which may be of
 * a moment before. Source of the rule that an equal index means an equal reply: blocking queries depend on it.
 */
import type { Clock } from "../lib/clock.ts";
import { millisecondNs } from "../lib/duration.ts";
import { healthServiceNodes, catalogNodeServices } from "../wire/rpc/methods.ts";
import type { KeptReply, Rpc, RpcMethod } from "../wire/rpc/method.ts";

export interface SharedParts {
  readonly rpc: Rpc;
  readonly clock: Clock;
  /** Runs something once what is due in this turn of the loop is done. */
  readonly defer: (run: () => void) => void;
}

interface SharedRequest {
  readonly AllowStale?: boolean;
  readonly MinQueryIndex?: number;
}

interface SharedReply {
  readonly Index?: number;
  /** Nanoseconds. */
  readonly LastContact?: number;
}

/** A reply that came in this turn. */
interface Fresh {
  readonly reply: unknown;
  /** Replies of the same content have the same. */
  readonly version: number;
}

interface Seen {
  readonly index: number;
  readonly version: number;
  readonly sinceMs: number;
}

const sharedMethods: ReadonlySet<string> = new Set([healthServiceNodes.name, catalogNodeServices.name]);
/** The version of a reply lasts no longer: that bounds what a wrong index could do. */
const versionAgeMsMax = 1_000;
/** Requests whose last version is remembered; the oldest goes first. */
const seenMax = 4_096;

export class SharedRpc implements Rpc {
  readonly #parts: SharedParts;
  readonly #keys = new WeakMap<object, string>();
  readonly #underway = new Map<string, Promise<unknown>>();
  readonly #fresh = new Map<string, Fresh>();
  readonly #seen = new Map<string, Seen>();
  #versions = 0;

  constructor(parts: SharedParts) {
    this.#parts = parts;
  }

  call<Q, R>(method: RpcMethod<Q, R>, request: Q, signal?: AbortSignal): Promise<R> {
    const { rpc } = this.#parts;
    if (signal !== undefined || !isShared(method, request)) return rpc.call(method, request, signal);
    const key = this.#keyOf(method, request);
    const known = this.#underway.get(key);
    if (known !== undefined) return known as Promise<R>;
    const call = this.#ask(key, method, request);
    this.#underway.set(key, call);
    return call;
  }

  callNow<Q, R>(method: RpcMethod<Q, R>, request: Q): R | undefined {
    return this.#parts.rpc.callNow?.(method, request);
  }

  keep<Q, R>(method: RpcMethod<Q, R>, request: Q): KeptReply<R> | undefined {
    const kept = this.#parts.rpc.keep?.(method, request);
    if (kept !== undefined || !isShared(method, request)) return kept;
    const key = this.#keyOf(method, request);
    const first = this.#fresh.get(key);
    if (first === undefined) return undefined;
    const fresh = this.#fresh;
    return {
      reply: first.reply as R,
      get lastContactMs() {
        const { LastContact = 0 } = (fresh.get(key) ?? first).reply as SharedReply;
        return LastContact / millisecondNs;
      },
      isCurrent: () => fresh.get(key)?.version === first.version,
      refresh: async () => void (await this.call(method, request)),
      [Symbol.dispose]: () => undefined,
    };
  }

  async #ask<Q, R>(key: string, method: RpcMethod<Q, R>, request: Q): Promise<R> {
    try {
      const reply = await this.#parts.rpc.call(method, request);
      const fresh = { reply, version: this.#versionOf(key, reply as SharedReply) };
      this.#fresh.set(key, fresh);
      // Whoever waited for the reply comes first.
      this.#parts.defer(() => {
        if (this.#fresh.get(key) === fresh) this.#fresh.delete(key);
      });
      return reply;
    } finally {
      this.#underway.delete(key);
    }
  }

  #versionOf(key: string, { Index: index = 0 }: SharedReply): number {
    const nowMs = this.#parts.clock.monotonicMs();
    const seen = this.#seen.get(key);
    if (seen !== undefined && index > 0 && seen.index === index && nowMs - seen.sinceMs < versionAgeMsMax)
      return seen.version;
    this.#versions += 1;
    this.#seen.delete(key);
    this.#seen.set(key, { index, version: this.#versions, sinceMs: nowMs });
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= seenMax) break;
      this.#seen.delete(oldest);
    }
    return this.#versions;
  }

  #keyOf<Q, R>({ name }: RpcMethod<Q, R>, request: Q): string {
    const known = this.#keys.get(request as object);
    if (known !== undefined) return known;
    const key = `${name} ${JSON.stringify(request)}`;
    this.#keys.set(request as object, key);
    return key;
  }
}

function isShared<Q, R>({ name }: RpcMethod<Q, R>, request: Q): boolean {
  const { AllowStale, MinQueryIndex = 0 } = request as SharedRequest;
  return AllowStale === true && MinQueryIndex === 0 && sharedMethods.has(name);
}
