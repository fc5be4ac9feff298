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

/** The last reply to a request. */
interface Seen {
  readonly reply: unknown;
  readonly index: number;
  /** Replies of the same content have the same. */
  readonly version: number;
  /** When the first of this version came. */
  readonly sinceMs: number;
  /** The turn of the loop in which it came. */
  readonly turn: number;
}

const sharedMethods: ReadonlySet<string> = new Set([healthServiceNodes.name, catalogNodeServices.name]);
/** The version of a reply lasts no longer: that bounds what a wrong index could do. */
const versionAgeMsMax = 1_000;
/** More requests than this are forgotten before their time. */
const seenMax = 8_192;

export class SharedRpc implements Rpc {
  readonly #parts: SharedParts;
  readonly #underway = new Map<string, Promise<unknown>>();
  /** Replies of this period, and of the one before: a whole period is forgotten at once. */
  #seen = new Map<string, Seen>();
  #seenBefore = new Map<string, Seen>();
  #periodStartMs = 0;
  #versions = 0;
  #turn = 0;
  #isTurnEnding = false;

  constructor(parts: SharedParts) {
    this.#parts = parts;
  }

  call<Q, R>(method: RpcMethod<Q, R>, request: Q, signal?: AbortSignal): Promise<R> {
    if (signal !== undefined || !isShared(method, request))
      return this.#parts.rpc.call(method, request, signal);
    return this.#share(keyOf(method, request), method, request);
  }

  callNow<Q, R>(method: RpcMethod<Q, R>, request: Q): R | undefined {
    return this.#parts.rpc.callNow?.(method, request);
  }

  keep<Q, R>(method: RpcMethod<Q, R>, request: Q): KeptReply<R> | undefined {
    const kept = this.#parts.rpc.keep?.(method, request);
    if (kept !== undefined || !isShared(method, request)) return kept;
    const key = keyOf(method, request);
    const first = this.#fresh(key);
    if (first === undefined) return undefined;
    const lastContactMs = (): number => {
      const { LastContact = 0 } = (this.#fresh(key) ?? first).reply as SharedReply;
      return LastContact / millisecondNs;
    };
    return {
      reply: first.reply as R,
      get lastContactMs() {
        return lastContactMs();
      },
      isCurrent: () => this.#fresh(key)?.version === first.version,
      refresh: async () => void (await this.#share(key, method, request)),
      [Symbol.dispose]: () => undefined,
    };
  }

  #share<Q, R>(key: string, method: RpcMethod<Q, R>, request: Q): Promise<R> {
    const known = this.#underway.get(key);
    if (known !== undefined) return known as Promise<R>;
    const call = this.#ask(key, method, request);
    this.#underway.set(key, call);
    return call;
  }

  async #ask<Q, R>(key: string, method: RpcMethod<Q, R>, request: Q): Promise<R> {
    try {
      const reply = await this.#parts.rpc.call(method, request);
      this.#note(key, reply as SharedReply);
      return reply;
    } finally {
      this.#underway.delete(key);
    }
  }

  /** The reply that came in this turn. */
  #fresh(key: string): Seen | undefined {
    const seen = this.#seen.get(key);
    return seen?.turn === this.#turn ? seen : undefined;
  }

  #note(key: string, reply: SharedReply): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#forgetOld(nowMs);
    const { Index: index = 0 } = reply;
    const before = this.#seen.get(key) ?? this.#seenBefore.get(key);
    const isSame =
      before !== undefined && index > 0 && before.index === index && nowMs - before.sinceMs < versionAgeMsMax;
    const { version, sinceMs } = isSame ? before : { version: (this.#versions += 1), sinceMs: nowMs };
    this.#seen.set(key, { reply, index, version, sinceMs, turn: this.#turn });
    if (this.#isTurnEnding) return;
    this.#isTurnEnding = true;
    // Whoever waited for the reply comes first.
    this.#parts.defer(() => {
      this.#isTurnEnding = false;
      this.#turn += 1;
    });
  }

  #forgetOld(nowMs: number): void {
    if (nowMs - this.#periodStartMs < versionAgeMsMax && this.#seen.size < seenMax) return;
    this.#seenBefore = this.#seen;
    this.#seen = new Map();
    this.#periodStartMs = nowMs;
  }
}

/** Tells apart what is asked. */
function keyOf<Q, R>({ name }: RpcMethod<Q, R>, request: Q): string {
  return `${name} ${JSON.stringify(request)}`;
}

function isShared<Q, R>({ name }: RpcMethod<Q, R>, request: Q): boolean {
  const { AllowStale, MinQueryIndex = 0 } = request as SharedRequest;
  return AllowStale === true && MinQueryIndex === 0 && sharedMethods.has(name);
}
