/**
 * Drives autopilot: keeps its view of the servers fresh, and as the leader gives votes and removes the dead.
 *
 * The view is kept on every server, so that a new leader knows since when the others have been healthy.
 * Source: hashicorp/raft-autopilot (run.go, raft.go).
 */
import type { Clock } from "../lib/clock.ts";
import type { Consensus, ConsensusServer, ConsensusStatus } from "../lib/consensus.ts";
import { ProconsulError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { MemberPool } from "../lib/members.ts";
import type { Metrics } from "../lib/metrics.ts";
import { getAutopilotConfig } from "../state/autopilot.ts";
import type { StateStore } from "../state/store.ts";
import type { ServerInfo } from "../wire/gossip/agent-tags.ts";
import type { AutopilotConfig } from "../wire/structs/operator.ts";
import type { RaftStats } from "../wire/rpc/status-methods.ts";
import { toAutopilotSettings } from "./autopilot-config.ts";
import {
  nextView,
  promotions,
  type AutopilotSettings,
  type ClusterView,
  type KnownServer,
} from "./autopilot-core.ts";
import { deadServers, joinPlan, pruning, type PruneAction } from "./autopilot-pruning.ts";
import { serverMembers, toKnownServer } from "./known-servers.ts";
import { raftStatsOf, toLogStats } from "./raft-stats.ts";
import { StatsFetcher } from "./server-stats-fetcher.ts";

/** How often votes are given and the dead removed. Source: the reference. */
const reconcileIntervalMs = 10_000;

/** A server may not join now. */
export class JoinRefusedError extends ProconsulError {
  readonly code = "join-refused";
}

/** To which cluster a server belongs, by its own word. */
export interface Allegiance {
  /** Address of whom it follows; empty if nobody leads. */
  readonly leader: string;
  /** Addresses in its configuration; none if it is new. */
  readonly peers: readonly string[];
}

export interface AutopilotParts {
  readonly consensus: Consensus;
  readonly store: StateStore;
  readonly pool: MemberPool;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nodeId: string;
  /** Settings until the first leader wrote some. */
  readonly initialConfig: AutopilotConfig;
  /** How often servers are asked how they stand. */
  readonly updateIntervalMs: number;
  /** Calls Status.RaftStats of another server. */
  raftStats(server: ServerInfo): Promise<RaftStats>;
  /** Calls Status.Leader and Status.Peers of another server. */
  allegianceOf(server: ServerInfo): Promise<Allegiance>;
  /** Tells gossip that a failed server has left. */
  forceLeave(nodeName: string): Promise<void>;
}

const unknownAllegiance: Allegiance = { leader: "", peers: [] };

export class Autopilot implements Disposable {
  readonly #parts: AutopilotParts;
  readonly #fetcher: StatsFetcher;
  #view: ClusterView | undefined;
  #updating: Promise<ClusterView> | undefined;
  #updateTimer: Disposable | undefined;
  /** Present while this server leads and is ready to. */
  #reconcileTimer: Disposable | undefined;
  #reconciling: Promise<void> | undefined;
  #ended = false;

  /** Begins to watch; changes nothing until `enableReconciliation`. */
  constructor(parts: AutopilotParts) {
    this.#parts = parts;
    this.#fetcher = new StatsFetcher(parts);
    void this.#update();
    this.#updateLater();
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.disableReconciliation();
    this.#updateTimer?.[Symbol.dispose]();
  }

  /** The last view; `undefined` before there is one. */
  get view(): ClusterView | undefined {
    return this.#view;
  }

  /** The last view, or a new one if leader or configuration have changed since. */
  async freshView(): Promise<ClusterView> {
    const { servers } = this.#parts.consensus.status();
    const view = this.#view;
    const isFresh =
      view !== undefined &&
      view.leader === this.#leaderId() &&
      view.servers.size === servers.length &&
      servers.every(({ id }) => view.servers.has(id));
    return isFresh ? view : this.#update();
  }

  /** From now on gives votes and removes the dead. For the leader, once its state is complete. */
  enableReconciliation(): void {
    if (this.#reconcileTimer !== undefined || this.#ended) return;
    this.#parts.log.info("reconciliation now enabled");
    // Not at once when leadership changes: the others' logs would lack the new term, and look sick.
    void this.#update();
    this.#reconcileLater();
  }

  disableReconciliation(): void {
    if (this.#reconcileTimer === undefined) return;
    this.#parts.log.info("reconciliation now disabled");
    this.#reconcileTimer[Symbol.dispose]();
    this.#reconcileTimer = undefined;
  }

  /**
   * Brings a server that gossip found into the configuration, without a vote if it is new. Rejects with
   * `JoinRefusedError` where that would endanger the quorum, else as `Consensus` does.
   */
  async addServer(server: Pick<ConsensusServer, "id" | "address">): Promise<void> {
    const { consensus, log } = this.#parts;
    const plan = joinPlan(consensus.status().servers, server);
    if (plan.kind === "none") return;
    if (plan.kind === "refuse") throw new JoinRefusedError(plan.why);
    await this.#refuseOtherCluster(server);
    for (const id of plan.removeIds) {
      await consensus.removeServer(id);
      log.info("removed server with duplicate address", { id, address: server.address });
    }
    await consensus.addServer(plan.add);
    if (this.#reconcileTimer !== undefined) await this.#exclusively(() => this.#prune());
  }

  /**
   * Two clusters that meet by mistake must not merge: one would lose what it has acknowledged. A new server that
   * follows a leader from outside the configuration is of another cluster. Silence is no objection.
   */
  async #refuseOtherCluster({ id, address }: Pick<ConsensusServer, "id" | "address">): Promise<void> {
    const { consensus, pool } = this.#parts;
    const { servers } = consensus.status();
    const info = serverMembers(pool).find((one) => one.info.id === id)?.info;
    if (info === undefined || servers.some((one) => one.id === id)) return;
    const { leader, peers } = await this.#parts.allegianceOf(info).catch(() => unknownAllegiance);
    const isOurs = (other: string): boolean => servers.some((one) => one.address === other);
    // Alone in its configuration it will soon lead itself, if it does not yet.
    const isAlone = peers.length === 1 && peers[0] === address;
    if (!isAlone && (leader === "" || isOurs(leader))) return;
    throw new JoinRefusedError(
      `server ${info.name} at ${address} belongs to another cluster, whose leader is ${leader === "" ? address : leader}: ` +
        "to bring it into this one, stop it, remove its data directory and start it without -bootstrap-expect",
    );
  }

  /** Takes a server out of the configuration, if it is in it. Rejects as `Consensus` does. */
  async removeServer(id: string): Promise<void> {
    const { consensus, log } = this.#parts;
    if (!consensus.status().servers.some((one) => one.id === id)) return;
    await consensus.removeServer(id);
    log.info("removed server", { id });
  }

  #updateLater(): void {
    if (this.#ended) return;
    const { clock, updateIntervalMs } = this.#parts;
    this.#updateTimer = clock.after(updateIntervalMs, () => {
      void this.#update();
      this.#updateLater();
    });
  }

  /** A view made now; who asks while one is being made gets that. */
  #update(): Promise<ClusterView> {
    this.#updating ??= this.#nextView().finally(() => (this.#updating = undefined));
    return this.#updating;
  }

  async #nextView(): Promise<ClusterView> {
    const { clock, consensus, metrics } = this.#parts;
    const status = consensus.status();
    const known = this.#known();
    const stats = await this.#stats(status);
    const leaderId = this.#leaderId();
    const view = nextView(this.#view, {
      nowMs: clock.monotonicMs(),
      wallMs: clock.wallMs(),
      settings: this.#settings(),
      configuration: consensus.status().servers,
      known,
      stats,
      leaderId,
      // As it was when the others were asked, lest they look behind.
      ownLog: status.role === "leader" ? status : undefined,
    });
    this.#view = view;
    metrics.gauge("autopilot.failure_tolerance", view.failureTolerance);
    metrics.gauge("autopilot.healthy", view.healthy ? 1 : 0);
    return view;
  }

  async #stats(status: ConsensusStatus): ReturnType<StatsFetcher["fetch"]> {
    const { nodeId, pool, updateIntervalMs } = this.#parts;
    const others = serverMembers(pool)
      .filter(({ member, info }) => member.status !== "left" && info.id !== nodeId && info.id !== "")
      .map(({ info }) => info);
    const stats = await this.#fetcher.fetch(others, updateIntervalMs / 2);
    return stats.set(nodeId, toLogStats(raftStatsOf(status)));
  }

  #known(): ReadonlyMap<string, KnownServer> {
    const { store, pool } = this.#parts;
    const servers = serverMembers(pool).map((server) => toKnownServer(store, server));
    const isAlive = ({ nodeStatus }: KnownServer): boolean => nodeStatus === "alive";
    // Of one id under two names, a server that was renamed, the living counts.
    const sorted = [...servers.filter((one) => !isAlive(one)), ...servers.filter(isAlive)];
    return new Map(sorted.map((server) => [server.id, server]));
  }

  #settings(): AutopilotSettings {
    const { store, initialConfig } = this.#parts;
    return toAutopilotSettings(getAutopilotConfig(store) ?? initialConfig);
  }

  #leaderId(): string | undefined {
    const { leaderId, leaderAddress, servers } = this.#parts.consensus.status();
    if (leaderId !== undefined || leaderAddress === undefined) return leaderId;
    return servers.find(({ address }) => address === leaderAddress)?.id;
  }

  #reconcileLater(): void {
    const { clock } = this.#parts;
    this.#reconcileTimer = clock.after(reconcileIntervalMs, () => {
      this.#reconcileLater();
      void this.#exclusively(() => this.#reconcile());
    });
  }

  /** Runs after what runs already; failures are logged, since the next round tries again. */
  async #exclusively(duty: () => Promise<void>): Promise<void> {
    const before = this.#reconciling;
    const run = async (): Promise<void> => {
      await before;
      if (this.#reconcileTimer === undefined) return;
      try {
        await duty();
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.#parts.log.error("Failed to reconcile current state with the desired state", { error: text });
      }
    };
    this.#reconciling = run();
    await this.#reconciling;
  }

  async #reconcile(): Promise<void> {
    await this.#promote();
    await this.#prune();
  }

  async #promote(): Promise<void> {
    const { clock, consensus, log } = this.#parts;
    const view = this.#view;
    if (view?.leader === undefined) return;
    for (const id of promotions(view, this.#settings(), clock.monotonicMs())) {
      const server = view.servers.get(id);
      // Removed or promoted by an operator since the view was made.
      const isNonVoter = consensus.status().servers.some((one) => one.id === id && !one.voter);
      if (server === undefined || !isNonVoter) continue;
      log.info("Promoting server", { id, address: server.address, name: server.name });
      await consensus.addServer({ id, address: server.address, voter: true });
    }
  }

  async #prune(): Promise<void> {
    const settings = this.#settings();
    if (!settings.cleanupDeadServers) return;
    const { servers } = this.#parts.consensus.status();
    const voterCount = servers.filter(({ voter }) => voter).length;
    const dead = deadServers(servers, this.#known());
    for (const action of pruning(dead, settings, voterCount)) await this.#carryOut(action);
  }

  async #carryOut(action: PruneAction): Promise<void> {
    const { log } = this.#parts;
    const { id } = action;
    switch (action.kind) {
      case "keep":
        log.debug(`will not remove server: ${action.why}`, { id });
        return;
      case "remove":
        await this.removeServer(id);
        return;
      case "forceLeave":
        log.info("Attempting removal of failed server node", { id, name: action.name });
        // Not awaited: gossip takes its time, and the next round looks again.
        this.#parts.forceLeave(action.name).catch((error: unknown) => {
          const text = error instanceof Error ? error.message : String(error);
          log.error("failed to remove server", { name: action.name, id, error: text });
        });
        return;
      default:
        action satisfies never;
    }
  }
}
