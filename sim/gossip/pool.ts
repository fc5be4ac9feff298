/**
 * A pool of simulated nodes in one process under one seed: their time, their packets and streams, their deaths.
 *
 *     calendar ──▶ node.step ──▶ effects ──▶ network ──▶ calendar …
 *
 * It plays the driver's part of `swim-effects.ts` by the book. A dead host answers nothing: packets to it vanish and
 * streams to it run into their timeout.
 */
import { must } from "../../src/lib/assert.ts";
import type { Rng } from "../../src/lib/rng.ts";
import { checkInvariants } from "../../src/gossip/core/swim-invariants.ts";
import type { Exchange, StreamPing, SwimEffects, SwimInput } from "../../src/gossip/core/swim-effects.ts";
import type { SwimOptions } from "../../src/gossip/core/swim-options.ts";
import type { GossipMessage } from "../../src/wire/gossip/messages.ts";
import { Calendar } from "./calendar.ts";
import { SimNetwork, type NetworkPlan } from "./network.ts";
import { SharedNameSlots } from "./shared-slots.ts";
import { SimCodec, understand } from "./sim-codec.ts";
import { SimNode, type NodeWatcher, type SimAddress } from "./sim-node.ts";

/** What a pool is made from. */
export interface PoolPlan {
  readonly nodeCount: number;
  readonly options: SwimOptions;
  readonly network: NetworkPlan;
  readonly metaBytes: number;
}

/** What happened so far, all nodes together. */
export interface PoolTraffic {
  steps: number;
  datagrams: number;
  bytes: number;
  messages: number;
  exchanges: number;
}

/** What the simulation hears besides what the delegates tell. */
export interface PoolWatcher extends NodeWatcher {
  /** A probe of `observer` found `name` wanting. */
  suspected(observer: number, name: string): void;
}

/** News that a node is given at once when a pool starts converged: few, so that no queue grows large. */
const seedingStep = 64;

type PoolEvent = number | (() => void) | Delivery;

interface Delivery {
  readonly to: SimNode;
  readonly input: SwimInput;
}

export class Pool {
  readonly nodes: readonly SimNode[];
  readonly network: SimNetwork;
  readonly traffic: PoolTraffic = { steps: 0, datagrams: 0, bytes: 0, messages: 0, exchanges: 0 };
  readonly #watcher: PoolWatcher;
  readonly #calendar = new Calendar<PoolEvent>();
  #nowMs = 0;

  constructor(rng: Rng, plan: PoolPlan, watcher: PoolWatcher) {
    this.#watcher = watcher;
    this.network = new SimNetwork(rng.fork("network"), plan.network, plan.nodeCount);
    const meta = new Uint8Array(plan.metaBytes);
    const [codec, slots] = [new SimCodec(), new SharedNameSlots()];
    const world = { options: plan.options, codec, slots, watcher, meta, rng: rng.fork("nodes") };
    this.nodes = Array.from({ length: plan.nodeCount }, (_, index) => new SimNode(index, world));
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Gives a node an input at once. */
  input(node: SimNode, ...inputs: readonly SwimInput[]): void {
    this.#step(node, inputs);
  }

  /** Runs `act` so much later. */
  after(delayMs: number, act: () => void): void {
    this.#calendar.add(this.#nowMs + delayMs, act);
  }

  /** The host vanishes. */
  kill(node: SimNode): void {
    node.isDown = true;
  }

  /** The process gets no time for so long, as on an overloaded host; packets wait in its socket. */
  stall(node: SimNode, ms: number): void {
    node.stalledUntilMs = this.#nowMs + ms;
  }

  /** Starts all nodes so that each knows all others and nobody has anything left to tell. */
  startConverged(): void {
    for (const node of this.nodes) this.#step(node, [{ kind: "start" }]);
    const messages = this.nodes.map((node): GossipMessage => {
      const { address, meta, vsn, incarnation } = must(node.swim.node(node.name), "a node knows itself");
      return { kind: "alive", node: node.name, address, meta, vsn, incarnation };
    });
    for (const node of this.nodes) {
      for (let at = 0; at < messages.length; at += seedingStep) {
        const some = messages.slice(at, at + seedingStep);
        this.#step(node, [{ kind: "datagram", from: node.address, messages: some }]);
        // As after the hour that a pool takes to talk all this over.
        node.swim.inside().news.queue.prune(0);
      }
    }
  }

  /** Lets time pass, until `untilMs` or until `isDone`, which is asked every millisecond. */
  run(untilMs: number, isDone: () => boolean = () => false): void {
    while (this.#nowMs < untilMs && !isDone()) {
      this.#nowMs += 1;
      this.#calendar.take(this.#nowMs, (event) => this.#happen(event));
    }
  }

  /** Every broken invariant of every node that is up. */
  problems(): readonly string[] {
    return this.nodes
      .filter(({ isDown }) => !isDown)
      .flatMap((node) => checkInvariants(node.swim).map((problem) => `${node.name}: ${problem}`));
  }

  #happen(event: PoolEvent): void {
    if (typeof event === "number") {
      const node = must(this.nodes[event], "events name nodes");
      if (node.wakeAtMs !== this.#nowMs) return;
      // On resuming timers come first, since they were in the calendar first: as in an event loop.
      if (this.#isStalled(node)) this.#wakeAt(node, node.stalledUntilMs);
      else this.#step(node, []);
    } else if (typeof event === "function") {
      event();
    } else if (this.#isStalled(event.to)) {
      this.#calendar.add(event.to.stalledUntilMs, event);
    } else {
      this.#step(event.to, [event.input]);
    }
  }

  #isStalled({ stalledUntilMs }: SimNode): boolean {
    return stalledUntilMs > this.#nowMs;
  }

  #wakeAt(node: SimNode, atMs: number): void {
    node.wakeAtMs = atMs;
    this.#calendar.add(atMs, node.index);
  }

  #step(node: SimNode, inputs: readonly SwimInput[]): void {
    if (node.isDown) return;
    this.traffic.steps += 1;
    const effects = node.step(this.#nowMs, inputs);
    this.#carryOut(node, effects);
    // A wake-up that is due this millisecond comes up again in the next.
    const wakeAtMs = Math.max(Math.ceil(effects.wakeAtMs), this.#nowMs + 1);
    if (node.wakeAtMs > this.#nowMs && node.wakeAtMs <= wakeAtMs) return;
    this.#wakeAt(node, wakeAtMs);
  }

  #carryOut(node: SimNode, effects: SwimEffects): void {
    for (const { to, messages } of effects.datagrams) this.#send(node, to as SimAddress, messages);
    for (const ping of effects.streamPings) this.#ping(node, ping);
    for (const exchange of effects.exchanges) this.#exchange(node, exchange);
    for (const { text } of effects.logs) {
      const found = /^Suspect (\S+) has failed/u.exec(text);
      if (found !== null) this.#watcher.suspected(node.index, found[1] ?? "");
    }
  }

  #send(from: SimNode, { index }: SimAddress, parts: readonly Uint8Array[]): void {
    const { traffic, network } = this;
    traffic.datagrams += 1;
    traffic.messages += parts.length;
    for (const part of parts) traffic.bytes += part.length + 2;
    const to = must(this.nodes[index], "addresses name nodes");
    if (to.isDown || !network.reaches(from.index, index)) return;
    for (const delayMs of network.datagramDelays()) {
      const input = { kind: "datagram", from: from.address, messages: understand(parts) } as const;
      this.#calendar.add(this.#nowMs + delayMs, { to, input });
    }
  }

  #peer(from: SimNode, to: SimAddress): SimNode | undefined {
    const peer = must(this.nodes[to.index], "addresses name nodes");
    return peer.isDown || !this.network.reaches(from.index, peer.index) ? undefined : peer;
  }

  #ping(node: SimNode, { seqNo, to, timeoutMs }: StreamPing): void {
    // There and back, twice: connect, then ask.
    const delayMs = this.network.streamDelayMs() + this.network.streamDelayMs();
    const answered: SwimInput = {
      kind: "streamPingAnswered",
      seqNo,
      message: { kind: "ack", seqNo, payload: null },
    };
    const failed: SwimInput = { kind: "streamPingFailed", seqNo, reason: undefined };
    const peer = this.#peer(node, to as SimAddress);
    const isReached = peer !== undefined && !this.#isStalled(peer) && delayMs <= timeoutMs;
    this.#calendar.add(this.#nowMs + (isReached ? delayMs : Math.ceil(timeoutMs)), {
      to: node,
      input: isReached ? answered : failed,
    });
  }

  #exchange(node: SimNode, { exchangeId, to, message, timeoutMs }: Exchange): void {
    this.traffic.exchanges += 1;
    const input: SwimInput = { kind: "exchangeFailed", exchangeId, reason: "i/o timeout" };
    const fail = (): void => this.#happen({ to: node, input });
    if (this.#peer(node, to as SimAddress) === undefined) return this.after(timeoutMs, fail);
    this.after(this.network.streamDelayMs(), () => {
      const peer = this.#peer(node, to as SimAddress);
      if (peer === undefined || this.#isStalled(peer)) return this.after(timeoutMs, fail);
      const request = { kind: "pushPullRequest", inboundId: 0, from: node.address, message } as const;
      const effects = peer.step(this.#nowMs, [request]);
      this.#carryOut(peer, effects);
      const reply = effects.streamReplies[0]?.message;
      if (reply === undefined) return this.after(timeoutMs, fail);
      const answer = { kind: "exchangeAnswered", exchangeId, message: reply } as const;
      this.#calendar.add(this.#nowMs + this.network.streamDelayMs(), { to: node, input: answer });
    });
  }
}
