/** What every endpoint of a server can reach, and how it is declared. */
import type { Authorizer } from "../acl/authorizer.ts";
import type { Clock } from "../lib/clock.ts";
import type { Consensus } from "../lib/consensus.ts";
import type { Log } from "../lib/log.ts";
import type { MemberPool } from "../lib/members.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { StateStore } from "../state/store.ts";
import type { WatchSet } from "../state/watch.ts";
import type { RpcMethod } from "../wire/rpc/method.ts";
import type { AutopilotConfig, Coordinate } from "../wire/structs/operator.ts";
import type { DatacenterMap } from "../wire/structs/operator-state.ts";
import type {
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteResponse,
} from "../wire/structs/prepared-query.ts";
import type { ClusterView } from "./autopilot-core.ts";

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
  /** What is known of the servers, and how one is taken out. */
  readonly autopilot: AutopilotDoor;
  /** Settings of autopilot until the first leader wrote some. */
  readonly initialAutopilot: AutopilotConfig;
  /** The gossip pool of this datacenter. */
  readonly pool: MemberPool;
  /** Coordinates on their way into the log, on the leader. */
  readonly coordinates: CoordinateSink;
  /** Coordinates of the servers of every datacenter, by datacenter; absent without a wide-area pool. */
  readonly wideAreaCoordinates?: () => readonly DatacenterMap[];
  /** Where prepared queries may look further; absent without a wide-area pool. */
  readonly otherDatacenters?: QueryDatacenters;
}

/** The other datacenters, as prepared queries see them. */
export interface QueryDatacenters {
  /** Their names, the nearest first. */
  byDistance(): readonly string[];
  /** Calls PreparedQuery.ExecuteRemote in the request's datacenter. Rejects with a `ProconsulError`. */
  execute(request: PreparedQueryExecuteRemoteRequest): Promise<PreparedQueryExecuteResponse>;
}

/** What endpoints ask of autopilot. */
export interface AutopilotDoor {
  /** The last view of the servers; `undefined` before there is one. */
  readonly view: ClusterView | undefined;
  /** The last view, or a new one where the last is outdated. */
  freshView(): Promise<ClusterView>;
  /** Takes a server out of the configuration, if it is in it. */
  removeServer(id: string): Promise<void>;
}

/** Takes coordinates that nodes measured. */
export interface CoordinateSink {
  /** Keeps the coordinate for the next write to the log. */
  add(row: Coordinate): void;
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
  /** Where a reply that is given at once notes what it depended on, if the caller wants to know. */
  readonly notes?: WatchSet;
}

/** An endpoint: a method and the code that answers it. */
export interface Endpoint<Q, R> {
  readonly method: RpcMethod<Q, R>;
  /** Whether any server may answer at once (`local`), or the request goes to the leader (`read`, `write`). */
  readonly kind: "read" | "write" | "local";
  handle(server: ServerContext, request: Q, caller: Caller): Promise<R>;
  /**
   * The same reply at once, or `undefined` if something must be waited for. Asked of a leader that is ready; also of a
   * server that follows, for a stale read, which then says itself how far it may be behind.
   */
  now?(server: ServerContext, request: Q, caller: Caller): R | undefined;
}

/** An endpoint of any method, for registries. */
export type AnyEndpoint = Endpoint<never, unknown>;

/** Declares an endpoint; the one place where its types are erased for the registry. */
export function endpoint<Q, R>(declared: Endpoint<Q, R>): AnyEndpoint {
  return declared as unknown as AnyEndpoint;
}
