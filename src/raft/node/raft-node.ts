/**
 * The native consensus engine: the Raft core with its driver, behind the `Consensus` interface.
 *
 * Opening restores the newest snapshot that is whole and replays the log after it as the core commits
 * it. A node that fails (a full disk, a bug in the state machine) stops as if it had crashed: its
 * role becomes `shutdown`, who waits is rejected, and `onFailed` is called.
 */
import {
  LeadershipLostError,
  NotLeaderError,
  type Consensus,
  type ConsensusServer,
  type ConsensusSnapshot,
  type ConsensusStatus,
} from "../../lib/consensus.ts";
import { must } from "../../lib/assert.ts";
import { logIndex, term, type LogIndex } from "../../lib/log-index.ts";
import { StorageError } from "../../lib/storage-error.ts";
import { RaftCore } from "../core/core.ts";
import type { ConfigurationChange, Input, Leadership, Proposal } from "../core/effects.ts";
import { entryType, serverId, type Configuration, type SnapshotMark } from "../core/entry.ts";
import { checkOptions, type RaftOptions } from "../core/options.ts";
import type { RaftStatus } from "../core/status.ts";
import { chunkBytes, toChunks } from "./chunking.ts";
import { Commands } from "./commands.ts";
import { configurationCodec } from "./configuration-codec.ts";
import { defaultNodeSettings, Driver, type NodeParts, type NodeSettings } from "./driver.ts";
import type { EntryWaiter, Settled } from "./pending.ts";
import { RaftDataError, RaftRefusedError, RaftShutdownError } from "./refusal.ts";
import { restoreNewest } from "./restore-newest.ts";
import { readSnapshot, type SnapshotMeta } from "./snapshot-store.ts";

/** How soon a configuration change that had to wait is tried again. */
const changeRetryMs = 20;

/** What of a node's settings may change while it runs. */
export type SnapshotSettings = Pick<NodeSettings, "snapshotIntervalMs" | "snapshotThreshold"> &
  Pick<RaftOptions, "trailingLogs">;

/** Who this server is, and how it behaves. */
export interface RaftNodeOptions {
  /** With protocol version 3 the node's UUID. */
  readonly id: string;
  /** host:port as peers reach it. */
  readonly address: string;
  readonly raft: RaftOptions;
  readonly settings?: NodeSettings;
  /** Written as the first configuration if this server has no state at all; ignored on any other. */
  readonly bootstrap?: readonly ConsensusServer[];
  /** See the file's head. */
  readonly onFailed?: (error: unknown) => void;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Request = DistributiveOmit<
  Extract<Input, { kind: "changeConfiguration" | "bootstrap" | "transferLeadership" | "verifyLeader" }>,
  "proposalId"
>;

/** Made by `openRaftNode`. */
export class RaftNode implements Consensus {
  readonly #parts: NodeParts;
  readonly #core: RaftCore;
  readonly #settings: NodeSettings;
  readonly #driver: Driver;
  readonly #listeners = new Set<(leading: boolean, term: number) => void>();
  #leading = false;
  #term: number;
  #closing: Promise<void> | undefined;

  /** For `openRaftNode` only. `mark` is where the state machine stands. */
  constructor(
    parts: NodeParts,
    start: { core: RaftCore; commands: Commands; mark: SnapshotMark; options: RaftNodeOptions },
  ) {
    this.#parts = parts;
    this.#core = start.core;
    this.#term = start.core.status().term;
    this.#settings = start.options.settings ?? defaultNodeSettings;
    this.#driver = new Driver({
      ...parts,
      core: start.core,
      commands: start.commands,
      options: start.options.raft,
      settings: this.#settings,
      mark: start.mark,
      leadershipChanged: (leadership) => this.#leadershipChanged(leadership),
      failed: (error) => {
        this.#report(false, this.#term);
        start.options.onFailed?.(error);
      },
    });
  }

  /** Begins to take part. For `openRaftNode` only. */
  start(): void {
    this.#driver.start();
  }

  status(): ConsensusStatus {
    const status = this.#core.status();
    const { lastContactMs } = status;
    const nowMs = this.#parts.clock.monotonicMs();
    return {
      role: this.#driver.isStopped ? "shutdown" : status.role,
      term: status.term,
      lastIndex: status.lastIndex,
      lastTerm: status.lastTerm,
      commitIndex: status.commitIndex,
      appliedIndex: this.#driver.applier.appliedIndex,
      lastSnapshotIndex: status.snapshotIndex,
      lastSnapshotTerm: status.snapshotTerm,
      leaderId: status.leader?.id,
      leaderAddress: status.leader?.address,
      servers: toServers(status.configuration),
      configurationIndex: status.configurationIndex,
      lastContactMs:
        status.role === "leader" ? 0 : lastContactMs === undefined ? undefined : nowMs - lastContactMs,
    };
  }

  /** Takes over when snapshots are taken and how much of the log stays behind them. */
  configureSnapshots({ snapshotIntervalMs, snapshotThreshold, trailingLogs }: SnapshotSettings): void {
    this.#core.keepTrailingLogs(trailingLogs);
    this.#driver.snapshotter.replan({ intervalMs: snapshotIntervalMs, threshold: snapshotThreshold });
  }

  /** The core's own picture, with the progress of followers; for operators and autopilot. */
  raftStatus(): RaftStatus {
    return this.#core.status();
  }

  propose(command: Uint8Array, decoded?: unknown): Promise<unknown> {
    if (command.length <= chunkBytes)
      return this.#propose([{ type: entryType.command, data: command }], decoded);
    return this.#propose(this.#pieces(command), decoded);
  }

  async barrier(): Promise<void> {
    this.#parts.metrics.count("raft.barrier");
    await this.verifyLeader();
  }

  async verifyLeader(): Promise<void> {
    this.#parts.metrics.count("raft.verify_leader");
    const settled = await this.#request({ kind: "verifyLeader" });
    if (settled.kind === "verified") await this.#driver.applier.applied(settled.readIndex);
  }

  onLeadership(listener: (leading: boolean, term: number) => void): Disposable {
    // Wrapped, so that the same function may listen twice.
    const own = (leading: boolean, newTerm: number): void => listener(leading, newTerm);
    this.#listeners.add(own);
    own(this.#leading, this.#term);
    return { [Symbol.dispose]: () => this.#listeners.delete(own) };
  }

  /** Adds a voter or nonvoter, promotes, or moves to a new address; `voter: false` never demotes. */
  async addServer(server: ConsensusServer): Promise<void> {
    const id = serverId(server.id);
    await this.#change({ kind: server.voter ? "addVoter" : "addNonvoter", id, address: server.address });
  }

  async removeServer(id: string): Promise<void> {
    await this.#change({ kind: "removeServer", id: serverId(id) });
  }

  /** Makes a voter a nonvoter. */
  async demoteServer(id: string): Promise<void> {
    await this.#change({ kind: "demoteVoter", id: serverId(id) });
  }

  async transferLeadership(id?: string): Promise<void> {
    await this.#request(
      id === undefined ? { kind: "transferLeadership" } : { kind: "transferLeadership", to: serverId(id) },
    );
  }

  /**
   * Writes the first configuration; resolves when it is durable. Rejects with `RaftRefusedError` on a
   * server that has any state.
   */
  async bootstrap(servers: readonly ConsensusServer[]): Promise<void> {
    await this.#request({ kind: "bootstrap", configuration: fromServers(servers) });
    await this.#driver.durable();
  }

  async snapshot(): Promise<ConsensusSnapshot> {
    if (this.#driver.isStopped) throw new RaftShutdownError();
    const meta = await this.#driver.snapshotter.take();
    await using snapshot = await this.#parts.snapshots.open(meta);
    if (snapshot === undefined)
      throw new StorageError("failed", `snapshot ${meta.id} was replaced while it was read`);
    return toConsensusSnapshot(meta, await readSnapshot(snapshot));
  }

  /**
   * Stores the state as a snapshot behind everything in the log, takes it over, and resolves when a majority has
   * done so too. Followers get it as they get any snapshot that they lack.
   */
  async restore(state: Uint8Array, lastIndex = 0): Promise<void> {
    // Everything acknowledged is applied before the machine is given another state.
    await this.verifyLeader();
    const { proposalId, mark } = await this.#planRestore(logIndex(lastIndex));
    const { snapshotter } = this.#driver;
    let committed: Promise<unknown>;
    try {
      await snapshotter.storeUser(mark, state);
      committed = this.#takeRestored(proposalId, { mark, state });
    } catch (error) {
      this.#driver.input({ kind: "restoreFailed", proposalId });
      await snapshotter.removeUser(mark);
      throw error;
    }
    await committed;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#driver.stop();
    this.#report(false, this.#term);
    this.#listeners.clear();
    await this.#parts.store.close();
  }

  #propose(entries: readonly Proposal[], decoded?: unknown): Promise<unknown> {
    const { clock, metrics } = this.#parts;
    const driver = this.#driver;
    if (driver.isStopped) return Promise.reject(new RaftShutdownError());
    if (!this.#leading) return Promise.reject(new NotLeaderError());
    const startMs = clock.monotonicMs();
    metrics.count("raft.apply");
    return new Promise((resolve, reject) => {
      const done = (value: unknown): void => {
        metrics.timer("raft.commitTime", clock.monotonicMs() - startMs);
        resolve(value);
      };
      const proposalId = driver.pending.entry({ decoded, resolve: done, reject });
      driver.input({ kind: "propose", proposalId, entries });
    });
  }

  #pieces(data: Uint8Array): readonly Proposal[] {
    const random = this.#parts.rng.bytes(8);
    const opNum = new DataView(random.buffer, random.byteOffset).getBigUint64(0) | 1n;
    return toChunks(data, { opNum }).map((piece) => ({ type: entryType.command, ...piece }));
  }

  #planRestore(index: LogIndex): Promise<{ readonly proposalId: number; readonly mark: SnapshotMark }> {
    const driver = this.#driver;
    if (driver.isStopped) return Promise.reject(new RaftShutdownError());
    return new Promise((resolve, reject) => {
      const proposalId = driver.pending.request({
        resolve: (settled) => {
          if (settled.kind === "restorePlanned") resolve({ proposalId, mark: settled.mark });
        },
        reject,
      });
      driver.input({ kind: "planRestore", proposalId, index });
    });
  }

  /** Settles with the entry behind the snapshot. Throws, having changed nothing, if it cannot be taken over. */
  #takeRestored(
    proposalId: number,
    user: { readonly mark: SnapshotMark; readonly state: Uint8Array },
  ): Promise<unknown> {
    const { pending } = this.#driver;
    const { promise, waiter } = entryPromise();
    pending.follow(proposalId, waiter);
    try {
      if (!this.#driver.takeRestored(proposalId, user)) throw new LeadershipLostError();
    } catch (error) {
      pending.forget(proposalId);
      throw error;
    }
    return promise;
  }

  #request(request: Request): Promise<Settled> {
    const driver = this.#driver;
    if (driver.isStopped) return Promise.reject(new RaftShutdownError());
    return new Promise((resolve, reject) => {
      const proposalId = driver.pending.request({ resolve, reject });
      driver.input({ ...request, proposalId });
    });
  }

  /** Changes wait for each other; resolves when the new configuration is committed. */
  async #change(change: ConfigurationChange): Promise<void> {
    const endMs = this.#parts.clock.monotonicMs() + this.#settings.changeTimeoutMs;
    for (;;) {
      try {
        await this.#changeOnce(change);
        return;
      } catch (error) {
        const mustWait = error instanceof RaftRefusedError && error.reason === "changePending";
        if (!mustWait || this.#parts.clock.monotonicMs() >= endMs) throw error;
      }
      await new Promise<void>((resolve) => {
        this.#parts.clock.after(changeRetryMs, resolve);
      });
    }
  }

  #changeOnce(change: ConfigurationChange): Promise<unknown> {
    const driver = this.#driver;
    if (driver.isStopped) return Promise.reject(new RaftShutdownError());
    return new Promise((resolve, reject) => {
      const proposalId = driver.pending.entry({ resolve, reject });
      driver.input({ kind: "changeConfiguration", proposalId, change });
    });
  }

  #leadershipChanged(leadership: Leadership): void {
    const { role, term: newTerm, leader } = leadership;
    this.#parts.log.info(`entering ${role} state`, { term: newTerm, leader: leader?.address });
    const { metrics } = this.#parts;
    metrics.count(`raft.state.${role}`);
    // Whoever stands for election has waited in vain for a leader.
    if (role === "candidate") metrics.count("raft.transition.heartbeat_timeout");
    this.#report(role === "leader", newTerm);
  }

  #report(leading: boolean, newTerm: number): void {
    if (leading === this.#leading && newTerm === this.#term) return;
    this.#leading = leading;
    this.#term = newTerm;
    for (const listener of this.#listeners) listener(leading, newTerm);
  }
}

/**
 * Opens a node on what its stores hold; it takes part when this resolves. Rejects with `RaftDataError` if
 * that does not fit together.
 */
export async function openRaftNode(parts: NodeParts, options: RaftNodeOptions): Promise<RaftNode> {
  const problems = checkOptions(options.raft);
  if (problems.length > 0) throw new RaftDataError(`raft options: ${problems.join("; ")}`);
  const { store, snapshots, clock, machine } = parts;
  const snapshot = await restoreNewest(snapshots, machine);
  const endIndex = snapshot?.index ?? 0;
  if (store.firstIndex > endIndex + 1) {
    throw new RaftDataError(
      `the log begins at ${store.firstIndex}, but the newest snapshot that is whole ends at ${endIndex}: ` +
        `entries between are lost`,
    );
  }
  const commands = new Commands(machine);
  const core = new RaftCore({
    id: serverId(options.id),
    address: options.address,
    options: options.raft,
    ...(parts.rules === undefined ? {} : { rules: parts.rules }),
    rng: parts.rng.fork("raft-core"),
    codec: configurationCodec,
    commandProblem: commands.problem,
    log: store,
    hardState: store.hardState,
    snapshot,
    nowMs: clock.monotonicMs(),
  });
  const mark = snapshot ?? emptyMark;
  const node = new RaftNode(parts, { core, commands, mark, options });
  node.start();
  const isPristine = store.hardState.term === 0 && store.lastIndex === 0 && snapshot === undefined;
  if (options.bootstrap !== undefined && isPristine) await node.bootstrap(options.bootstrap);
  return node;
}

const emptyMark: SnapshotMark = {
  index: logIndex(0),
  term: term(0),
  configuration: { servers: [] },
  configurationIndex: logIndex(0),
};

/** A promise with the waiter that settles it. */
function entryPromise(): { readonly promise: Promise<unknown>; readonly waiter: EntryWaiter } {
  let waiter: EntryWaiter | undefined;
  const promise = new Promise((resolve, reject) => (waiter = { resolve, reject }));
  return { promise, waiter: must(waiter, "a promise runs its function at once") };
}

function toServers(configuration: Configuration): readonly ConsensusServer[] {
  return configuration.servers.map(({ id, address, suffrage }) => ({
    id,
    address,
    voter: suffrage === "voter",
  }));
}

function fromServers(servers: readonly ConsensusServer[]): Configuration {
  return {
    servers: servers.map(({ id, address, voter }) => ({
      id: serverId(id),
      address,
      suffrage: voter ? "voter" : "nonvoter",
    })),
  };
}

function toConsensusSnapshot(meta: SnapshotMeta, state: Uint8Array): ConsensusSnapshot {
  const { id, index, configuration, configurationIndex } = meta;
  return { id, index, term: meta.term, servers: toServers(configuration), configurationIndex, state };
}
