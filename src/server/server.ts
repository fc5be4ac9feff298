/**
 * A server: finds the endpoint of a call, and whoever has to answer it.
 *
 * Calls of this process and calls that came by RPC take the same way. The leader answers; so does any server
 * what needs no leader, and stale reads once it has heard of one; everything else is forwarded to the leader.
 * While there is none, or it cannot be reached, a call that has changed nothing is made again until
 * `rpcHoldTimeoutMs` is over; then it fails with `No cluster leader`.
 * Source: protocol reference, RPC section 5.
 */
import { allowAll } from "../acl/authorizer.ts";
import {
  LeadershipLostError,
  NoLeaderError,
  NotLeaderError,
  transferInProgressText,
} from "../lib/consensus.ts";
import { millisecondNs } from "../lib/duration.ts";
import { ProconsulError } from "../lib/errors.ts";
import { mayRetry, noPathToDatacenter, wasUnderWay } from "../wire/rpc/error-text.ts";
import { RpcError, type KeptReply, type RpcMethod } from "../wire/rpc/method.ts";
import type { RpcService } from "../rpc/service.ts";
import { WatchSet } from "../state/watch.ts";
import type { AnyEndpoint, Caller, Endpoint, ServerContext } from "./context.ts";
import { HoldTime, type ForwardedCall, type Forwarder, type LeaderAddress } from "./forward.ts";

/** A retry waits a random time of at most this fraction of the hold time. */
const retryFraction = 16;

interface CommonRequest {
  readonly Datacenter?: string;
  readonly AllowStale?: boolean;
}

interface CommonReply {
  readonly KnownLeader: boolean;
  /** Nanoseconds. */
  readonly LastContact: number;
}

export class Server implements RpcService {
  readonly #context: ServerContext;
  readonly #forwarder: Forwarder | undefined;
  readonly #endpoints = new Map<string, Endpoint<unknown, unknown>>();
  readonly #services = new Set<string>();
  readonly #leading: Disposable;
  readonly #waiting = new Set<() => void>();
  /** This server leads, and its state holds everything that was acknowledged before it did. */
  #isReady = false;
  #isLeaving = false;
  /** Counts changes of leadership, so that a barrier of an earlier one changes nothing. */
  #leadership = 0;

  /** Without a forwarder, calls that others would have to answer find no leader. */
  constructor(context: ServerContext, endpoints: readonly AnyEndpoint[], forwarder?: Forwarder) {
    this.#context = context;
    this.#forwarder = forwarder;
    for (const one of endpoints) {
      const known = one as unknown as Endpoint<unknown, unknown>;
      const { name } = known.method;
      this.#endpoints.set(name, known);
      this.#services.add(name.slice(0, name.lastIndexOf(".")));
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
    this.#wakeAll();
  }

  get context(): ServerContext {
    return this.#context;
  }

  methodNamed(name: string): RpcMethod<unknown, unknown> | undefined {
    return this.#endpoints.get(name)?.method;
  }

  hasService(name: string): boolean {
    return this.#services.has(name);
  }

  async call<Q, R>(method: RpcMethod<Q, R>, request: Q, signal?: AbortSignal): Promise<R> {
    const endpoint = this.#endpoints.get(method.name);
    if (endpoint === undefined) throw new RpcError(`rpc: can't find method ${method.name}`);
    const { Datacenter } = request as CommonRequest;
    if (Datacenter !== undefined && Datacenter !== "" && Datacenter !== this.#context.settings.datacenter) {
      throw new RpcError(noPathToDatacenter);
    }
    const caller: Caller = { authorizer: allowAll, signal };
    if (this.#isReady || this.#answersHere(endpoint, request)) {
      try {
        return (await endpoint.handle(this.#context, request, caller)) as R;
      } catch (error) {
        // Nothing was taken, so the call may be made again under the next leader.
        if (!(error instanceof NotLeaderError) && !isTransferring(error)) throw error;
        this.#isReady &&= this.#context.consensus.status().role === "leader";
      }
    }
    return (await this.#callLeader(endpoint, { method: endpoint.method, request }, caller)) as R;
  }

  callNow<Q, R>(method: RpcMethod<Q, R>, request: Q): R | undefined {
    return this.#now(method, request, { authorizer: allowAll, signal: undefined });
  }

  /** What every caller may see alone can be kept: rights are not among the notes. */
  keep<Q, R>(method: RpcMethod<Q, R>, request: Q): KeptReply<R> | undefined {
    const notes = new WatchSet();
    const reply = this.#now(method, request, { authorizer: allowAll, signal: undefined, notes });
    if (reply === undefined || notes.topics.size + notes.kvPrefixes.size === 0) return undefined;
    let isUnchanged = true;
    const watching = this.#context.store.watches.watch(notes, () => (isUnchanged = false));
    const wasReady = this.#isReady;
    return {
      reply,
      // What followers answer is good for as long as its age is; whether they lead meanwhile does not matter.
      isCurrent: () => isUnchanged && (this.#isReady || !wasReady),
      ...(wasReady ? {} : { lastContactMs: (reply as CommonReply).LastContact / millisecondNs }),
      [Symbol.dispose]: () => watching[Symbol.dispose](),
    };
  }

  #now<Q, R>(method: RpcMethod<Q, R>, request: Q, caller: Caller): R | undefined {
    const endpoint = this.#endpoints.get(method.name);
    if (endpoint?.now === undefined) return undefined;
    const { Datacenter } = request as CommonRequest;
    if (Datacenter !== this.#context.settings.datacenter) return undefined;
    if (this.#isReady) return endpoint.now(this.#context, request, caller) as R | undefined;
    if (!this.#answersHere(endpoint, request)) return undefined;
    const reply = endpoint.now(this.#context, request, caller) as R | undefined;
    return reply === undefined ? undefined : { ...reply, ...this.#followersMeta() };
  }

  /** What a server that follows says of itself beside a stale answer. */
  #followersMeta(): CommonReply {
    const { leaderId, leaderAddress, lastContactMs = 0 } = this.#context.consensus.status();
    return {
      KnownLeader: leaderId !== undefined || leaderAddress !== undefined,
      LastContact: lastContactMs * millisecondNs,
    };
  }

  /** From here on nothing is forwarded or waited for: this server is about to go. */
  leave(): void {
    this.#isLeaving = true;
    this.#wakeAll();
  }

  close(): void {
    this.#leading[Symbol.dispose]();
    this.leave();
  }

  /** Whether any server may answer: a matter of its own, or a stale read of a state that a leader gave. */
  #answersHere(endpoint: Endpoint<unknown, unknown>, request: unknown): boolean {
    if (endpoint.kind === "local") return true;
    if (endpoint.kind !== "read" || (request as CommonRequest).AllowStale !== true) return false;
    return this.#context.consensus.status().lastContactMs !== undefined;
  }

  async #callLeader(
    endpoint: Endpoint<unknown, unknown>,
    call: ForwardedCall<unknown, unknown>,
    caller: Caller,
  ): Promise<unknown> {
    const { clock, settings } = this.#context;
    const hold = new HoldTime(clock, settings.rpcHoldTimeoutMs);
    for (;;) {
      if (this.#isLeaving) throw new NoLeaderError();
      const startMs = clock.monotonicMs();
      const wasReady = this.#isReady;
      let failure: unknown;
      try {
        return await this.#attempt(endpoint, call, caller);
      } catch (error) {
        if (!isHarmless(error, endpoint.kind === "read") || caller.signal?.aborted === true) throw error;
        failure = error;
      }
      // A blocking read that waited long at its leader is not out of patience because that leader went.
      const tookMs = clock.monotonicMs() - startMs;
      if (wasUnderWay(failure) && tookMs > settings.rpcHoldTimeoutMs) hold.renew();
      if (hold.isOver) throw failure instanceof NotLeaderError ? new NoLeaderError() : failure;
      // What happened while the attempt failed would not wake the pause any more.
      if (wasReady || !this.#isReady) await this.#pause(caller.signal);
    }
  }

  #attempt(
    endpoint: Endpoint<unknown, unknown>,
    call: ForwardedCall<unknown, unknown>,
    caller: Caller,
  ): Promise<unknown> {
    if (this.#isReady || this.#answersHere(endpoint, call.request)) {
      return endpoint.handle(this.#context, call.request, caller);
    }
    const leader = this.#otherLeader();
    if (leader === undefined || this.#forwarder === undefined) return Promise.reject(new NoLeaderError());
    return this.#forwarder.forward(leader, call, caller.signal);
  }

  #otherLeader(): LeaderAddress | undefined {
    const { role, leaderId, leaderAddress } = this.#context.consensus.status();
    if (role === "leader" || leaderId === undefined || leaderAddress === undefined) return undefined;
    return { id: leaderId, address: leaderAddress };
  }

  /** Until this server is ready to lead, the next try is due, or the caller is gone. */
  #pause(signal: AbortSignal | undefined): Promise<void> {
    const { clock, settings, random } = this.#context;
    const delayMs = 1 + random(Math.max(1, Math.floor(settings.rpcHoldTimeoutMs / retryFraction)));
    return new Promise((resolve) => {
      const done = (): void => {
        timer[Symbol.dispose]();
        this.#waiting.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = clock.after(delayMs, done);
      this.#waiting.add(done);
      signal?.addEventListener("abort", done);
    });
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** Whether leadership is being handed on. */
function isTransferring(error: unknown): boolean {
  return error instanceof ProconsulError && error.message === transferInProgressText;
}

/** Whether a call that failed like this has changed nothing, so that it may be made again. */
function isHarmless(error: unknown, isRead: boolean): boolean {
  if (error instanceof NotLeaderError || error instanceof NoLeaderError) return true;
  return mayRetry(error, isRead) || (isRead && error instanceof LeadershipLostError);
}
