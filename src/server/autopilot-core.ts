/**
 * Autopilot's view of the servers and what it would change, as functions of what is known: no time, no network.
 *
 * A server is healthy if gossip finds it alive, it hears its leader often enough, and its log has the leader's
 * term and nearly all of its entries. One that stays healthy for a while gets its vote; dead ones are removed
 * as long as most voters remain. Source: hashicorp/raft-autopilot (state.go, reconcile.go, stable_promoter.go).
 */
import type { MonotonicMs, WallMs } from "../lib/clock.ts";
import type { ConsensusServer } from "../lib/consensus.ts";

/** What gossip says of a server. `leaving` counts as alive, so that nothing is removed too early. */
export type NodeStatus = "unknown" | "alive" | "failed" | "left";
/** A server's part in the configuration, the leader told apart. */
export type RaftState = "leader" | "voter" | "non-voter";

/** Autopilot's settings as it uses them. */
export interface AutopilotSettings {
  readonly cleanupDeadServers: boolean;
  readonly lastContactThresholdMs: number;
  /** Entries that a healthy server may lag behind. */
  readonly maxTrailingLogs: number;
  /** Voters that must remain when dead ones are removed. */
  readonly minQuorum: number;
  readonly serverStabilizationTimeMs: number;
}

/** A server that gossip knows, left and failed ones included. */
export interface KnownServer {
  readonly id: string;
  readonly name: string;
  /** host:port of its RPC door. */
  readonly address: string;
  readonly nodeStatus: NodeStatus;
  readonly version: string;
  /** The catalog's metadata of its node; `null` until it is registered. */
  readonly meta: Readonly<Record<string, string>> | null;
  readonly raftVersion: number;
}

/** How a server stands in the log. */
export interface ServerLogStats {
  /** Time since it heard its leader; 0 on the leader. */
  readonly lastContactMs: number;
  readonly lastTerm: number;
  readonly lastIndex: number;
}

/** One server of the configuration with all that is known of it. */
export interface ServerView extends KnownServer {
  readonly state: RaftState;
  readonly stats: ServerLogStats;
  readonly healthy: boolean;
  /** Since when `healthy` has its value: for people, and for arithmetic. */
  readonly stableSinceWallMs: WallMs;
  readonly stableSinceMs: MonotonicMs;
}

/** Autopilot's state: replaced as a whole, never changed. */
export interface ClusterView {
  /** When the first of an unbroken series of states was made. */
  readonly firstStateMs: MonotonicMs;
  readonly healthy: boolean;
  /** Healthy voters that may fail before the rest is no majority. */
  readonly failureTolerance: number;
  readonly servers: ReadonlyMap<string, ServerView>;
  readonly leader: string | undefined;
  /** Ids, the leader first, then the healthy that are stable for longest. */
  readonly voters: readonly string[];
}

/** All that a new state is made from. */
export interface ClusterInputs {
  readonly nowMs: MonotonicMs;
  readonly wallMs: WallMs;
  readonly settings: AutopilotSettings;
  readonly configuration: readonly ConsensusServer[];
  readonly known: ReadonlyMap<string, KnownServer>;
  /** Answers that came in time; who has none keeps its last. */
  readonly stats: ReadonlyMap<string, ServerLogStats>;
  readonly leaderId: string | undefined;
  /** This server's own log, if it leads. */
  readonly ownLog: { readonly lastIndex: number; readonly lastTerm: number } | undefined;
}

const noStats: ServerLogStats = { lastContactMs: 0, lastTerm: 0, lastIndex: 0 };

/** The state that follows `previous`. */
export function nextView(previous: ClusterView | undefined, inputs: ClusterInputs): ClusterView {
  const views = inputs.configuration.map((server) => serverView(previous, inputs, server));
  const servers = new Map(views.map((view) => [view.id, view]));
  const voters = views.filter(({ state }) => state !== "non-voter");
  const healthyVoters = voters.filter(({ healthy }) => healthy).length;
  return {
    firstStateMs: previous?.firstStateMs ?? inputs.nowMs,
    healthy: views.every(({ healthy }) => healthy),
    failureTolerance: Math.max(0, healthyVoters - quorumOf(voters.length)),
    servers,
    leader: views.find(({ state }) => state === "leader")?.id,
    voters: voters.sort(compareVoters).map(({ id }) => id),
  };
}

/** Voters that make a majority. */
export function quorumOf(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

function serverView(
  previous: ClusterView | undefined,
  inputs: ClusterInputs,
  { id, address, voter }: ConsensusServer,
): ServerView {
  const before = previous?.servers.get(id);
  const known = inputs.known.get(id) ?? forgotten(before, id);
  const stats = inputs.stats.get(id) ?? before?.stats ?? noStats;
  const { nodeStatus } = known;
  const healthy = isHealthy({ nodeStatus, stats }, leaderLog(inputs), inputs.settings);
  const unchanged = before?.healthy === healthy ? before : undefined;
  return {
    ...known,
    // What Raft uses is what counts, whatever gossip says.
    address,
    state: id === inputs.leaderId ? "leader" : voter ? "voter" : "non-voter",
    stats,
    healthy,
    stableSinceWallMs: unchanged?.stableSinceWallMs ?? inputs.wallMs,
    stableSinceMs: unchanged?.stableSinceMs ?? inputs.nowMs,
  };
}

/** A server that gossip does not know counts as gone, with what was known of it. */
function forgotten(before: ServerView | undefined, id: string): KnownServer {
  const nobody = { id, name: "", address: "", version: "", meta: null, raftVersion: 0 };
  return { ...(before ?? nobody), nodeStatus: "left" };
}

interface LogEnd {
  readonly lastIndex: number;
  readonly lastTerm: number;
}

/** Where the leader's log ends; zeros without one. */
function leaderLog({ ownLog, leaderId, stats }: ClusterInputs): LogEnd {
  return ownLog ?? (leaderId === undefined ? undefined : stats.get(leaderId)) ?? noStats;
}

/** Whether a server may be relied on, by the leader's log and the settings. */
export function isHealthy(
  { nodeStatus, stats }: { readonly nodeStatus: NodeStatus; readonly stats: ServerLogStats },
  leader: LogEnd,
  settings: Pick<AutopilotSettings, "lastContactThresholdMs" | "maxTrailingLogs">,
): boolean {
  if (leader.lastIndex === 0 || leader.lastTerm === 0) return false;
  if (nodeStatus !== "alive") return false;
  if (stats.lastContactMs > settings.lastContactThresholdMs || stats.lastContactMs < 0) return false;
  if (stats.lastTerm !== leader.lastTerm) return false;
  return stats.lastIndex + settings.maxTrailingLogs >= leader.lastIndex;
}

function compareVoters(a: ServerView, b: ServerView): number {
  if (a.state !== b.state) return a.state === "leader" ? -1 : 1;
  if (a.healthy !== b.healthy) return a.healthy ? -1 : 1;
  // Among the unhealthy, who became so last comes first.
  const since = a.stableSinceMs - b.stableSinceMs;
  if (since !== 0) return a.healthy ? since : -since;
  return a.id < b.id ? -1 : 1;
}

/** Ids of servers without a vote that have been healthy for long enough to get one. */
export function promotions(view: ClusterView, settings: AutopilotSettings, nowMs: MonotonicMs): string[] {
  const { serverStabilizationTimeMs } = settings;
  // A view that is younger than the time asked for cannot tell: all that is healthy counts as stable then.
  const stableMs = nowMs - view.firstStateMs > serverStabilizationTimeMs ? serverStabilizationTimeMs : 0;
  return [...view.servers.values()]
    .filter(({ state, healthy }) => state === "non-voter" && healthy)
    .filter(({ stableSinceMs }) => nowMs - stableSinceMs >= stableMs)
    .map(({ id }) => id)
    .sort();
}
