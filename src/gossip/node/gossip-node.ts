/**
 * A node of a gossip pool: the cores of SWIM and serf, on sockets, clocks and files that are passed in.
 *
 *     Net ── PacketIntake ──┐                         ┌── SwimCarrier ──▶ Net
 *     Net ── InboundStreams ┼──▶ Cores (Swim, Serf) ──┤
 *     Clock, callers ───────┘                         └── SerfCarrier ──▶ listeners, files, keys
 *
 * It follows the pool from `start` until `shutdown`; `leave` before that tells the others that it goes on purpose.
 */
import { must } from "../../lib/assert.ts";
import type { KeyringAnswer } from "../../lib/keyring-pool.ts";
import type { Member, MemberEvent, MemberPool } from "../../lib/members.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { Coordinate } from "../core/coordinate.ts";
import type { HeardUserEvent, KeyringRequest, QueryRequest } from "../core/serf-effects.ts";
import { SerfSnapshot } from "../core/serf-snapshot.ts";
import { assembleGossip, type GossipParts } from "./assemble.ts";
import { GossipError } from "./gossip-error.ts";
import type { GossipNodeOptions, GossipNodeParts } from "./gossip-options.ts";
import { joinFailures } from "./join-address.ts";
import type { AskedQuery, QueryResult } from "./serf-carrier.ts";

const stopped = "the node was shut down";

export class GossipNode implements MemberPool {
  readonly #parts: GossipNodeParts;
  readonly #running: GossipParts;
  /** Joins follow each other, since whether old events are ignored holds for all joins under way. */
  #joining: Promise<unknown> = Promise.resolve();
  #leaving: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(parts: GossipNodeParts, running: GossipParts) {
    this.#parts = parts;
    this.#running = running;
  }

  /**
   * Binds the doors, becomes a pool of one, and tries to go back to the pool of the snapshot in the background.
   * Rejects with `GossipError` if the address cannot be bound, with `FileError` if the snapshot cannot be read.
   */
  static async start(options: GossipNodeOptions, parts: GossipNodeParts): Promise<GossipNode> {
    const text = (await parts.snapshotFile?.read()) ?? "";
    const snapshot = new SerfSnapshot({ text, rejoinAfterLeave: options.rejoinAfterLeave });
    const previous = snapshot.previousNodes(parts.rng.fork("rejoin"), options.name);
    const running = await assembleGossip(options, parts, {
      snapshot: parts.snapshotFile === undefined ? undefined : snapshot,
      stop: () => void node.shutdown(),
    });
    const node = new GossipNode(parts, running);
    if (previous.length > 0) void node.#rejoin(previous);
    return node;
  }

  /** Where the node listens, with the real port. */
  get address(): NetAddress {
    return this.#running.sockets.address;
  }

  get isEncrypted(): boolean {
    return this.#running.keys.keyring !== undefined;
  }

  members(): readonly Member[] {
    return this.#running.serf.members();
  }

  localMember(): Member {
    return must(this.#running.serf.localMember(), "a started node is a member of its own pool");
  }

  onMember(listener: (event: MemberEvent) => void): Disposable {
    return this.#running.carrier.memberListeners.add(listener);
  }

  /** User events that are heard for the first time, this node's own included. */
  onUserEvent(listener: (event: HeardUserEvent) => void): Disposable {
    return this.#running.carrier.eventListeners.add(listener);
  }

  /** Queries of the pool that mean this node. */
  onQuery(listener: (query: AskedQuery) => void): Disposable {
    return this.#running.carrier.queryListeners.add(listener);
  }

  /** The node lost its name to another and stops. */
  onShutdown(listener: () => void): Disposable {
    return this.#running.carrier.shutdownListeners.add(listener);
  }

  /**
   * Joins through each of `[node/]host[:port]`; every address of every host is tried. Answers how many worked, at least
   * one. Rejects with `GossipError`, in the reference's words, if none did. `ignoreOld`: user events from before the
   * join are not delivered.
   */
  async join(addresses: readonly string[], ignoreOld: boolean): Promise<number> {
    const { cores, joiner } = this.#running;
    const before = this.#joining;
    const work = async (): Promise<number> => {
      const problem = cores.serf((serf) => serf.beginJoin(ignoreOld));
      if (problem !== undefined) throw new GossipError(problem);
      const { joinedCount, problems } = await joiner.joinAll(addresses);
      cores.serf((serf) => serf.endJoin(ignoreOld, joinedCount));
      if (joinedCount === 0 && problems.length > 0) throw new GossipError(joinFailures(problems));
      return joinedCount;
    };
    const joining = before.then(work);
    // The next join waits for this one however it ends; its caller hears of a failure.
    this.#joining = joining.catch(() => undefined);
    return joining;
  }

  /** Tells the pool that this node goes, and waits until it has heard. The node stays up until `shutdown`. Once. */
  leave(): Promise<void> {
    this.#leaving ??= this.#running.carrier.leave();
    return this.#leaving;
  }

  /** Makes a failed member count as left. `prune`: it is forgotten at once. Rejects with `GossipError`. */
  forceLeave(name: string, prune: boolean): Promise<void> {
    return this.#running.carrier.forceLeave(name, prune);
  }

  /**
   * Replaces this node's tags; they hold at once. Settles when the others were told. Rejects with `GossipError` if the
   * tags are too long, or telling takes too long (they may still hear).
   */
  setTags(tags: Readonly<Record<string, string>>): Promise<void> {
    return this.#running.carrier.setTags(tags);
  }

  /**
   * Spreads an event to every member, this node included. Throws `GossipError`, in the reference's words, if it is
   * too large.
   */
  userEvent(name: string, payload: Uint8Array): void {
    const problem = this.#running.cores.serf((serf) => serf.userEvent(name, payload));
    if (problem !== undefined) throw new GossipError(problem);
  }

  /** Asks the pool; settles with all answers when the time for them is over. Rejects with `GossipError`. */
  query(request: Omit<QueryRequest, "queryId">): Promise<QueryResult> {
    return this.#running.carrier.query(request);
  }

  /** One key operation on every node of the pool. Rejects with `GossipError` if it cannot be asked for. */
  keyring(request: Omit<KeyringRequest, "requestId">): Promise<KeyringAnswer> {
    return this.#running.carrier.keyring(request);
  }

  /** This node's network coordinate. */
  coordinate(): Coordinate | undefined {
    return this.#running.serf.coordinate();
  }

  /** The last coordinate that a member told. */
  coordinateOf(name: string): Coordinate | undefined {
    return this.#running.serf.coordinateOf(name);
  }

  /** Figures for operators, as the agent's statistics show them. */
  stats(): Readonly<Record<string, string>> {
    const { serf, swim } = this.#running;
    const figures = serf.stats();
    return {
      coordinate_resets: String(figures.coordinateResets),
      encrypted: String(this.isEncrypted),
      event_queue: String(figures.eventQueue),
      event_time: String(figures.eventTime),
      failed: String(figures.failed),
      health_score: String(swim.status().healthScore),
      intent_queue: String(figures.intentQueue),
      left: String(figures.left),
      member_time: String(figures.memberTime),
      members: String(figures.members),
      query_queue: String(figures.queryQueue),
      query_time: String(figures.queryTime),
    };
  }

  /** Closes everything, without a word to the others. Settles when files are written; more calls do no harm. */
  shutdown(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { cores, serf, sockets, inbound, client, joiner, carrier } = this.#running;
    serf.shutdown();
    cores.stop();
    joiner.close(stopped);
    inbound.close();
    client.close();
    carrier.close(stopped);
    await sockets.close();
    await this.#parts.snapshotFile?.close();
  }

  /** Back to the pool of before: the first node that answers is enough. */
  async #rejoin(previous: readonly string[]): Promise<void> {
    const { serfLog } = this.#parts;
    for (const address of previous) {
      const shown = address.replace("/", ": ");
      serfLog.info(`serf: Attempting re-join to previously known node: ${shown}`);
      const { joinedCount } = await this.#running.joiner.joinAll([address]);
      if (joinedCount > 0) {
        serfLog.info(`serf: Re-joined to previously known node: ${shown}`);
        return;
      }
      if (this.#stopping !== undefined) return;
    }
    serfLog.warn("serf: Failed to re-join any previously known node");
  }
}
