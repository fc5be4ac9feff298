/**
 * Feeds the core and carries out what it wants; no rule of the protocol lives here.
 *
 *     proposals, peers, disk, timer ─▶ inputs ─(one step per turn of the loop)─▶ effects ─▶ disk, peers, machine
 *
 * Inputs gather until the I/O that is due has been handled, so that one step, and one sync of the
 * disk, serve everything that arrived together. Only the end of a sync is stepped at once: somebody waits.
 */
import { assert, must } from "../../lib/assert.ts";
import type { Clock, MonotonicMs } from "../../lib/clock.ts";
import type { StateMachine } from "../../lib/consensus.ts";
import type { Log } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Rng } from "../../lib/rng.ts";
import type { RaftCore } from "../core/core.ts";
import type { Effects, Input, Leadership, Outgoing } from "../core/effects.ts";
import type { SnapshotMark } from "../core/entry.ts";
import type { RaftOptions } from "../core/options.ts";
import type { Rules } from "../core/rules.ts";
import { Applier } from "./applier.ts";
import type { Commands } from "./commands.ts";
import { CommitQueue } from "./commit-queue.ts";
import { Complaints } from "./complaints.ts";
import { Inbound } from "./inbound.ts";
import type { LogStore } from "./log-store.ts";
import { Outbound } from "./outbound.ts";
import { Pending } from "./pending.ts";
import { RaftShutdownError } from "./refusal.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { Snapshotter } from "./snapshotter.ts";
import type { Transport } from "./transport.ts";

/** With more committed entries than this waiting for the state machine, the core is not asked for more. */
const applyBacklogMax = 8_192;

/** The outside world of one node. */
export interface NodeParts {
  readonly machine: StateMachine;
  readonly store: LogStore;
  readonly snapshots: SnapshotStore;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Calls back once, after the I/O that is due was handled: `setImmediate`. */
  readonly defer: (run: () => void) => void;
  /** In place of Raft's own, for the simulator. */
  readonly rules?: Rules;
}

/** The driver's own knobs; the core's are `RaftOptions`. */
export interface NodeSettings {
  /** Whether a snapshot is due is looked at every one to two times this. */
  readonly snapshotIntervalMs: number;
  /** Entries applied since the last snapshot that make the next one due. */
  readonly snapshotThreshold: number;
  /** The state machine works at most about this long before I/O has its turn. */
  readonly applySliceMs: number;
  /** How long a configuration change waits for the one before it. */
  readonly changeTimeoutMs: number;
}

/** Source: protocol/raft.md §4. */
export const defaultNodeSettings: NodeSettings = {
  snapshotIntervalMs: 30_000,
  snapshotThreshold: 16_384,
  applySliceMs: 8,
  changeTimeoutMs: 10_000,
};

export interface DriverParts extends NodeParts {
  readonly core: RaftCore;
  readonly commands: Commands;
  readonly options: RaftOptions;
  readonly settings: NodeSettings;
  /** Where the state machine stands. */
  readonly mark: SnapshotMark;
  readonly leadershipChanged: (leadership: Leadership) => void;
  /** The node cannot go on: a bug, or a disk that refuses. Called once. */
  readonly failed: (error: unknown) => void;
}

export class Driver {
  readonly pending = new Pending();
  readonly applier: Applier;
  readonly snapshotter: Snapshotter;
  readonly #parts: DriverParts;
  readonly #complaints: Complaints;
  readonly #commits: CommitQueue;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  #inputs: Input[] = [];
  #isScheduled = false;
  #isStepping = false;
  #isLeading = false;
  #isStopped = false;
  #serving: Disposable | undefined;
  #timer: { readonly atMs: number; readonly handle: Disposable } | undefined;
  /** The core wants the time at once, when the state machine has caught up. */
  #isHungry = false;

  constructor(parts: DriverParts) {
    this.#parts = parts;
    const { store, snapshots, clock, log, settings } = parts;
    this.#complaints = new Complaints(parts);
    const input = (one: Input): void => this.input(one);
    const failed = (error: unknown): void => this.#fail(error);
    this.#commits = new CommitQueue(store, { written: (token) => this.#written(token), failed });
    this.#inbound = new Inbound(input);
    this.#outbound = new Outbound({ ...parts, input, snapshotTimeoutMs: parts.options.snapshotTimeoutMs });
    const drained = (): void => this.#feed();
    const { machine, commands, defer } = parts;
    const { pending } = this;
    this.applier = new Applier(
      { machine, commands, pending, clock, log, defer, sliceMs: settings.applySliceMs, failed, drained },
      parts.mark,
    );
    this.snapshotter = new Snapshotter({
      ...parts,
      store: snapshots,
      applier: this.applier,
      complaints: this.#complaints,
      input,
      snapshotIndex: () => parts.core.status().snapshotIndex,
      intervalMs: settings.snapshotIntervalMs,
      threshold: settings.snapshotThreshold,
    });
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Opens the door to peers and takes the first step. */
  start(): void {
    this.#serving = this.#parts.transport.serve(this.#inbound);
    this.snapshotter.start();
    this.#step();
  }

  /** Queues an input for the next step. Ignored once stopped. */
  input(input: Input): void {
    if (this.#isStopped) return;
    this.#inputs.push(input);
    this.#schedule();
  }

  /**
   * Makes a user's state, stored under `mark`, the state of the cluster, if the plan is still in force: true then.
   * Throws `DecodeError`, and changes nothing then. One act, since leadership may end with the next input.
   */
  takeRestored(
    proposalId: number,
    user: { readonly mark: SnapshotMark; readonly state: Uint8Array },
  ): boolean {
    if (this.#isStopped || !this.#parts.core.isRestoring(proposalId)) return false;
    this.applier.takeRestored(user.mark, user.state);
    // Before whatever else has come in: it is judged by the new log.
    this.#inputs.unshift({ kind: "restored", proposalId });
    this.#step();
    return true;
  }

  /** Resolves when everything written so far is durable. */
  durable(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#commits.afterWrites(resolve, () => reject(new RaftShutdownError()));
    });
  }

  /** Rejects who waits, and ends when the disk is at rest. Idempotent. */
  async stop(): Promise<void> {
    this.#halt();
    await this.#commits.stop();
    await this.snapshotter.stop();
  }

  #halt(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#serving?.[Symbol.dispose]();
    this.#timer?.handle[Symbol.dispose]();
    this.#inputs = [];
    this.#inbound.stop();
    this.#outbound.stop();
    this.applier.stop(new RaftShutdownError());
    this.pending.rejectAll(new RaftShutdownError());
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    this.#parts.log.error("raft cannot go on", { error: String(error) });
    this.#halt();
    this.#parts.failed(error);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.#parts.defer(() => {
      this.#isScheduled = false;
      this.#step();
    });
  }

  #written(token: number): void {
    if (this.#isStopped) return;
    this.#inputs.push({ kind: "written", token });
    this.#step();
  }

  #step(): void {
    if (this.#isStopped) return;
    assert(!this.#isStepping, "a step ends before the next one begins");
    this.#isStepping = true;
    try {
      const inputs: Input[] = [{ kind: "clock", nowMs: this.#parts.clock.monotonicMs() }];
      for (const input of this.#inputs) inputs.push(input);
      this.#inputs = [];
      this.#carryOut(this.#parts.core.step(inputs));
      this.snapshotter.received.clear();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isStepping = false;
    }
  }

  #carryOut(effects: Effects): void {
    for (const { message, from, problem } of effects.refused)
      this.#complaints.add({ from, header: message.header, message: message.kind, problem });
    this.#sendAll(effects.send);
    if (effects.write !== undefined) {
      this.#commits.push(effects.write);
      this.#measureWrite(effects.write.entries.length);
    }
    if (effects.sendAfterWrite.length > 0) {
      this.#commits.afterWrites(() => this.#sendAll(effects.sendAfterWrite));
    }
    for (const request of effects.receiveSnapshot) {
      this.snapshotter.receive(request, this.#inbound.takeTransfer(request.inboundId));
    }
    for (const send of effects.sendSnapshot) this.#outbound.sendSnapshot(send);
    for (const end of effects.dropSnapshots) this.snapshotter.drop(end);
    this.#install(effects.installSnapshot);
    if (effects.apply.length > 0) {
      this.applier.pushEntries(effects.apply);
      this.#parts.metrics.gauge("raft.commitNumLogs", effects.apply.length);
    }
    // Before anything is applied, so that a result finds who waits for it.
    for (const outcome of effects.outcomes) this.pending.settle(outcome);
    if (effects.lostFrom !== undefined) this.pending.lostFrom(effects.lostFrom);
    if (effects.leadership !== undefined) {
      this.#isLeading = effects.leadership.role === "leader";
      this.#parts.leadershipChanged(effects.leadership);
    }
    if (effects.compactThrough !== undefined) this.#commits.compact(effects.compactThrough);
    this.#wakeAt(effects.wakeAtMs);
    this.applier.run();
    // Last: a store may hold up the thread while it syncs.
    if (!this.#isStopped) this.#commits.start();
  }

  #install(mark: SnapshotMark | undefined): void {
    if (mark === undefined) return;
    const replace = this.snapshotter.received.take(mark);
    this.applier.pushInstall(mark, must(replace, "the core takes over what it was just told of"));
  }

  /** How many entries a leader writes at once, and how long that takes. */
  #measureWrite(entryCount: number): void {
    if (!this.#isLeading || entryCount === 0) return;
    const { clock, metrics } = this.#parts;
    const startMs = clock.monotonicMs();
    metrics.gauge("raft.leader.dispatchNumLogs", entryCount);
    this.#commits.afterWrites(() => metrics.timer("raft.leader.dispatchLog", clock.monotonicMs() - startMs));
  }

  #sendAll(all: readonly Outgoing[]): void {
    for (const outgoing of all) {
      if (outgoing.kind === "request") this.#outbound.send(outgoing);
      else this.#inbound.reply(outgoing);
    }
    if (all.length > 0) this.#parts.transport.flush();
  }

  #wakeAt(atMs: MonotonicMs | undefined): void {
    if (atMs === undefined) return;
    const nowMs = this.#parts.clock.monotonicMs();
    if (atMs <= nowMs) {
      this.#isHungry = true;
      this.#feed();
      return;
    }
    // A timer that comes too early only costs a step; moving it costs more.
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return;
    this.#timer?.handle[Symbol.dispose]();
    const handle = this.#parts.clock.after(atMs - nowMs, () => {
      this.#timer = undefined;
      this.#schedule();
    });
    this.#timer = { atMs, handle };
  }

  /** Lets the core go on unless the state machine is far behind: it then goes on when that has drained. */
  #feed(): void {
    if (!this.#isHungry || this.applier.backlog > applyBacklogMax) return;
    this.#isHungry = false;
    this.#schedule();
  }
}
