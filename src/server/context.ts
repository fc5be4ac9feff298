/** What every endpoint of a server can reach, and how it is declared. */
import type { Authorizer } from "../acl/authorizer.ts";
import type { Clock } from "../lib/clock.ts";
import type { Consensus } from "../lib/consensus.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { StateStore } from "../state/store.ts";
import type { RpcMethod } from "../wire/rpc/method.ts";

/** Settings that endpoints depend on. */
export interface ServerSettings {
  readonly datacenter: string;
  readonly nodeName: string;
  readonly nodeId: string;
  readonly defaultQueryTimeMs: number;
  readonly maxQueryTimeMs: number;
  readonly sessionTtlMinMs: number;
  readonly kvValueBytesMax: number;
  /** How long a request waits for a leader before `No cluster leader`. */
  readonly rpcHoldTimeoutMs: number;
}

export interface ServerContext {
  readonly settings: ServerSettings;
  readonly consensus: Consensus;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Uniform integer below `limit`, for jitter. */
  random(limit: number): number;
  /** A fresh UUID. */
  uuid(): string;
  /** Keys that may not be locked yet after a forced release, with the monotonic time it ends. */
  readonly lockDelays: LockDelayTable;
  /** Session leases of the leader. */
  readonly sessionTimers: SessionTimers;
  /** Forgets tombstones after their time, on the leader. */
  readonly tombstoneGc: TombstoneGc;
  /** Since when this server leads; without it reports give no time. */
  readonly autopilot?: LeadershipAge;
}

/** How long this server has led. */
export interface LeadershipAge {
  /** Calendar time in milliseconds; `null` while another server leads. */
  readonly leadingSinceMs: number | null;
}

/** Told of deletions, so that their tombstones are reaped some minutes later. */
export interface TombstoneGc {
  /** A command at `index` left tombstones. */
  hint(index: number): void;
}

/** When a key may be locked again. Kept by each leader, never replicated. */
export interface LockDelayTable {
  /** Milliseconds left before `key` may be acquired; 0 when it may. */
  remainingMs(key: string): number;
}

/** Leases of sessions with a TTL. */
export interface SessionTimers {
  /** Starts or restarts a session's lease: it is destroyed after twice `ttlMs` without renewal. */
  renew(sessionId: string, ttlMs: number): void;
  forget(sessionId: string): void;
}

/** A caller's rights and patience. */
export interface Caller {
  readonly authorizer: Authorizer;
  /** Ends a blocking wait early; the read then answers with what it has. */
  readonly signal: AbortSignal | undefined;
}

/** An endpoint: a method and the code that answers it. */
export interface Endpoint<Q, R> {
  readonly method: RpcMethod<Q, R>;
  /** Whether any server may answer at once (`local`), or the request goes to the leader (`read`, `write`). */
  readonly kind: "read" | "write" | "local";
  handle(server: ServerContext, request: Q, caller: Caller): Promise<R>;
}

/** An endpoint of any method, for registries. */
export type AnyEndpoint = Endpoint<never, unknown>;

/** Declares an endpoint; the one place where its types are erased for the registry. */
export function endpoint<Q, R>(declared: Endpoint<Q, R>): AnyEndpoint {
  return declared as unknown as AnyEndpoint;
}
