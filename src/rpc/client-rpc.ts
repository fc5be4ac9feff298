/**
 * The RPC of a client agent: each call goes to one of the servers it knows, and to another if that one cannot.
 *
 * The list of servers is somebody else's (`agent/router.ts`); a server that failed is reported, so that the
 * next call tries another. Calls that have changed nothing are made again, with growing random pauses, for as
 * long as a server would wait for a leader.
 * Source: the reference's client (1.16); protocol reference, RPC section 5.
 */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { TokenBucket } from "../lib/token-bucket.ts";
import {
  mayRetry,
  NoServersError,
  RateExceededError,
  RpcConnectionError,
  wasUnderWay,
} from "../wire/rpc/error-text.ts";
import { PermissionDeniedError, RpcError, type Rpc, type RpcMethod } from "../wire/rpc/method.ts";
import { callTimeoutMs, type CallTimeouts } from "./call-timeout.ts";
import { withConsistency } from "./consistency.ts";
import { callServer, type ServerCaller } from "./call-server.ts";
import type { RpcServer, SavedSnapshot, SnapshotService, SnapshotTarget } from "./service.ts";
import type { SnapshotClient } from "./snapshot-client.ts";

/** The servers to ask, in order of preference. */
export interface ServerSource {
  /** The server to ask next, or `undefined` if none is known. */
  findServer(): RpcServer | undefined;
  /** A call to this server failed. */
  notifyFailedServer(server: RpcServer): void;
}

export interface ClientRpcParts extends ServerCaller {
  readonly servers: ServerSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly timeouts: CallTimeouts;
  /** How many calls this client may make. */
  readonly limit: TokenBucket;
  /** Uniform integer below `limit`. */
  random(limit: number): number;
}

/** The first pause is at most this fraction of the hold time; each further one twice as much. */
const firstPauseFraction = 16;

export class ClientRpc implements Rpc {
  readonly #parts: ClientRpcParts;

  constructor(parts: ClientRpcParts) {
    this.#parts = parts;
  }

  /** Rejects with `NoServersError`, with what a server answered, or with an error of `error-text.ts`. */
  async call<Q, R>(method: RpcMethod<Q, R>, request: Q, signal?: AbortSignal): Promise<R> {
    const { servers, clock, log, metrics, timeouts } = this.#parts;
    const timeoutMs = callTimeoutMs(request, timeouts);
    metrics.count("client.rpc");
    let sinceMs = clock.monotonicMs();
    const asked = new Set<string>();
    for (let attempt = 1; ; attempt += 1) {
      const server = servers.findServer();
      if (server === undefined) {
        metrics.count("client.rpc.failed");
        throw new NoServersError();
      }
      const startMs = clock.monotonicMs();
      admit(this.#parts, startMs);
      try {
        const reply = await callServer(this.#parts, server, { method, request, signal, timeoutMs });
        return withConsistency(reply, request);
      } catch (error) {
        if (signal?.aborted === true) throw error;
        if (isServersFault(error)) servers.notifyFailedServer(server);
        const nowMs = clock.monotonicMs();
        // Patience is not used up by a blocking read that waited long at a server which then went, nor by the first
        // attempt to reach a server that is switched off.
        const isFirst = !asked.has(server.name);
        asked.add(server.name);
        const isPatient = wasUnderWay(error) || (isFirst && error instanceof RpcConnectionError);
        if (isPatient && nowMs - startMs > timeouts.rpcHoldTimeoutMs) sinceMs = nowMs;
        const text = error instanceof Error ? error.message : String(error);
        const fields = { method: method.name, server: server.name, error: text };
        if (!mayRetry(error, isRead(request)) || nowMs - sinceMs >= timeouts.rpcHoldTimeoutMs) {
          log.error("RPC failed to server", fields);
          metrics.count("client.rpc.failed");
          throw error;
        }
        log.warn("Retrying RPC to server", fields);
      }
      await this.#pause(attempt, signal);
    }
  }

  #pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, random, timeouts } = this.#parts;
    const holdMs = timeouts.rpcHoldTimeoutMs;
    const limitMs = Math.min(holdMs, (holdMs / firstPauseFraction) * 2 ** (attempt - 1));
    return new Promise((resolve) => {
      const done = (): void => {
        timer[Symbol.dispose]();
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = clock.after(1 + random(Math.max(1, Math.floor(limitMs))), done);
      signal?.addEventListener("abort", done);
    });
  }
}

/** Takes one of the calls that this client may make. Throws `RateExceededError` where there is none left. */
function admit({ limit, metrics }: Pick<ClientRpcParts, "limit" | "metrics">, nowMs: number): void {
  if (limit.take(nowMs)) return;
  metrics.count("client.rpc.exceeded");
  throw new RateExceededError();
}

/** Whether another server might have done better: what an endpoint refuses, it refuses everywhere. */
function isServersFault(error: unknown): boolean {
  const isRefusal = error instanceof RpcError || error instanceof PermissionDeniedError;
  return !isRefusal || mayRetry(error, true);
}

/** Only reads carry this option. */
function isRead(request: unknown): boolean {
  return typeof request === "object" && request !== null && "AllowStale" in request;
}

/** Users' snapshots through a server. Rejects as `SnapshotClient` does, or with `NoServersError`. */
export class ClientSnapshots implements SnapshotService {
  readonly #client: SnapshotClient;
  readonly #parts: Pick<ClientRpcParts, "servers" | "clock" | "metrics" | "limit">;

  constructor(
    client: SnapshotClient,
    parts: Pick<ClientRpcParts, "servers" | "clock" | "metrics" | "limit">,
  ) {
    this.#client = client;
    this.#parts = parts;
  }

  save(target: SnapshotTarget): Promise<SavedSnapshot> {
    return this.#ask((server) => this.#client.save(server, target));
  }

  restore(archive: Uint8Array, target: SnapshotTarget): Promise<void> {
    return this.#ask((server) => this.#client.restore(server, archive, target));
  }

  async #ask<T>(ask: (server: RpcServer) => Promise<T>): Promise<T> {
    const { servers, clock, metrics } = this.#parts;
    const server = servers.findServer();
    if (server === undefined) throw new NoServersError();
    metrics.count("client.rpc");
    admit(this.#parts, clock.monotonicMs());
    try {
      return await ask(server);
    } catch (error) {
      if (isServersFault(error)) servers.notifyFailedServer(server);
      throw error;
    }
  }
}
