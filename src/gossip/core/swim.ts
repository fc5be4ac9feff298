/**
 * SWIM membership with Lifeguard: inputs in, effects out; no socket, timer or chance of its own.
 *
 *     inputs ──▶ Detector ──── suspects ──▶ Membership ──── news ──▶ Dissemination ──▶ datagrams
 *                Relays                        ▲    │
 *                Exchanges ─── merged states ──┘    └──▶ SwimDelegate (serf)
 *
 * This file only hands inputs to the part whose rules they fall under, and says when the time is needed next.
 * The invariants are G1… in docs/internals/gossip.md.
 */
import { assert, must, unreachable } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { GossipMessage, NodeState } from "../../wire/gossip/messages.ts";
import { toSwimNode } from "./belief.ts";
import type { SwimNode } from "./delegate.ts";
import { Detector } from "./swim-detector.ts";
import { Dissemination } from "./swim-dissemination.ts";
import type { SwimEffects, SwimInput } from "./swim-effects.ts";
import { Exchanges } from "./swim-exchanges.ts";
import { Membership } from "./swim-membership.ts";
import { Relays } from "./swim-relays.ts";
import { shown, SwimState, type SwimSetup } from "./swim-state.ts";

/** A picture of the core. */
export interface SwimStatus {
  readonly name: string;
  readonly incarnation: number;
  readonly isLeaving: boolean;
  /** Local health score, 0 is best. */
  readonly healthScore: number;
  /** Known nodes by state, this node included. */
  readonly counts: Readonly<Record<NodeState, number>>;
  /** News that still wait to be sent. */
  readonly queuedCount: number;
  readonly relayCount: number;
}

/** What tests and `checkInvariants` may look at. */
export interface SwimInside {
  readonly state: SwimState;
  readonly news: Dissemination;
  readonly membership: Membership;
  readonly wakeAtMs: MonotonicMs;
}

/** The parts that run only once the node is started. */
interface Running {
  readonly detector: Detector;
  readonly exchanges: Exchanges;
  gossipAtMs: MonotonicMs;
  /** When the queue is measured next: in the first step after that. No step is made for it. */
  measureAtMs: MonotonicMs;
}

/** The reference's interval. */
const measureIntervalMs = 30_000;

/** One node of a pool. Not re-entrant; owned by one driver. */
export class Swim {
  readonly #state: SwimState;
  readonly #news: Dissemination;
  readonly #membership: Membership;
  readonly #relays: Relays;
  #running: Running | undefined;

  /** Throws on options that cannot be. Nothing happens before the `start` input. */
  constructor(setup: SwimSetup) {
    this.#state = new SwimState(setup);
    this.#news = new Dissemination(this.#state);
    this.#membership = new Membership(this.#state, this.#news);
    this.#relays = new Relays(this.#state, this.#news);
  }

  /** Takes inputs in order, then fires what is due at `nowMs`. Inputs first: an answer just in time counts. */
  step(nowMs: MonotonicMs, inputs: readonly SwimInput[]): SwimEffects {
    this.#state.setNow(nowMs);
    for (const input of inputs) this.#take(input);
    this.#fire(this.#started());
    this.#news.conclude();
    return this.#state.outbox.drain(this.#wakeAtMs());
  }

  /** Every known node, dead ones included, in no particular order. O(n). */
  nodes(): readonly SwimNode[] {
    return this.#state.table.beliefs().map(toSwimNode);
  }

  /** Every node that is alive or suspect, this node included while it has not left. O(n). */
  members(): readonly SwimNode[] {
    return this.nodes().filter(({ state }) => state === "alive" || state === "suspect");
  }

  /** One known node. */
  node(name: string): SwimNode | undefined {
    const belief = this.#state.table.get(name);
    return belief === undefined ? undefined : toSwimNode(belief);
  }

  status(): SwimStatus {
    return {
      name: this.#state.name,
      incarnation: this.#membership.incarnation,
      isLeaving: this.#membership.isLeaving,
      healthScore: this.#state.awareness.score,
      counts: { ...this.#state.table.counts },
      queuedCount: this.#news.queue.size,
      relayCount: this.#relays.size,
    };
  }

  /** The parts themselves, for `checkInvariants`; look, but do not touch. */
  inside(): SwimInside {
    const wakeAtMs = this.#wakeAtMs();
    return { state: this.#state, news: this.#news, membership: this.#membership, wakeAtMs };
  }

  #started(): Running {
    return must(this.#running, "the first input is start");
  }

  #take(input: SwimInput): void {
    switch (input.kind) {
      case "start":
        return this.#start();
      case "datagram":
        for (const message of input.messages) this.#receive(message, input.from);
        return;
      case "streamPing":
        return this.#streamPing(input.inboundId, input.message.node, input.message.seqNo);
      case "pushPullRequest":
        return this.#started().exchanges.receive(input.inboundId, input.message, input.from);
      case "streamUser":
        return this.#state.delegate.userMessage(input.bytes, this.#state.nowMs);
      case "streamPingAnswered":
        return this.#started().detector.streamAnswered(input.seqNo, input.message);
      case "streamPingFailed":
        return this.#started().detector.streamFailed(input.seqNo, input.reason);
      case "exchangeAnswered":
        return this.#started().exchanges.answered(input.exchangeId, input.message);
      case "exchangeFailed":
        return this.#started().exchanges.failed(input.exchangeId, input.reason);
      case "join":
        return this.#started().exchanges.join({ joinId: input.joinId, to: input.to, node: input.node });
      case "updateMeta":
        return this.#updateMeta(input.updateId);
      case "leave":
        return this.#membership.leave({ kind: "left" });
      case "sendUser":
        return this.#sendUser(input.to, input.node, input.bytes);
      default:
        return unreachable(input);
    }
  }

  #receive(message: GossipMessage, from: NetAddress): void {
    switch (message.kind) {
      case "ping":
        return this.#started().detector.ping(message, from);
      case "indirectPing":
        return this.#relays.ask(message, from);
      case "ack":
        if (!this.#started().detector.ack(message.seqNo, message.payload)) this.#relays.ack(message.seqNo);
        return;
      case "nack":
        return this.#started().detector.nack(message.seqNo);
      case "suspect":
        return this.#membership.suspect(message);
      case "alive":
        if (this.#state.allowsHost(from.host) && this.#state.allowsHost(message.address.host)) {
          return this.#membership.alive(message);
        }
        return this.#state.outbox.log(
          "debug",
          `Blocked alive message: address is not allowed from=${shown(from)}`,
        );
      case "dead":
        return this.#membership.dead(message);
      case "user":
        return this.#state.delegate.userMessage(message.bytes, this.#state.nowMs);
      default:
        return unreachable(message);
    }
  }

  #start(): void {
    assert(this.#running === undefined, "a node starts once");
    const { nowMs, rng, options } = this.#state;
    this.#membership.announce();
    this.#running = {
      detector: new Detector({ state: this.#state, news: this.#news, membership: this.#membership }),
      exchanges: new Exchanges(this.#state, this.#membership),
      gossipAtMs: (nowMs +
        (options.gossipIntervalMs === 0 ? Infinity : rng.below(options.gossipIntervalMs))) as MonotonicMs,
      measureAtMs: (nowMs + measureIntervalMs) as MonotonicMs,
    };
  }

  #streamPing(inboundId: number, node: string, seqNo: number): void {
    const isMeant = node === "" || node === this.#state.name;
    if (!isMeant) this.#state.outbox.log("warn", `Got ping for unexpected node ${node}`);
    const message = isMeant ? ({ kind: "ack", seqNo, payload: null } as const) : undefined;
    this.#state.outbox.streamReply({ inboundId, message });
  }

  #updateMeta(updateId: number): void {
    const outcome = { kind: "updated", updateId } as const;
    if (this.#state.hasOthers()) return this.#membership.announce(outcome);
    this.#membership.announce();
    this.#state.outbox.outcome(outcome);
  }

  #sendUser(to: NetAddress, node: string | undefined, bytes: Uint8Array): void {
    const receiver = node === undefined ? undefined : this.#state.table.get(node);
    this.#news.sendBare(to, [{ kind: "user", bytes }], receiver);
  }

  #fire(running: Running): void {
    const { nowMs, options } = this.#state;
    this.#relays.fire();
    running.detector.fire();
    running.exchanges.fire();
    // After the detector, whose accusation may be the last one that a verdict was waiting for.
    this.#membership.fire();
    if (nowMs >= running.measureAtMs) {
      running.measureAtMs = (nowMs + measureIntervalMs) as MonotonicMs;
      this.#state.outbox.sample("queue.broadcasts", this.#news.queue.size);
    }
    if (nowMs < running.gossipAtMs) return;
    const late = Math.floor((nowMs - running.gossipAtMs) / options.gossipIntervalMs);
    running.gossipAtMs = (running.gossipAtMs + (late + 1) * options.gossipIntervalMs) as MonotonicMs;
    this.#news.gossip();
  }

  #wakeAtMs(): MonotonicMs {
    const { detector, exchanges, gossipAtMs } = this.#started();
    const verdictMs = this.#membership.nextVerdictMs() ?? Infinity;
    const relayMs = this.#relays.nextMs() ?? Infinity;
    return Math.min(detector.nextMs, exchanges.nextMs, gossipAtMs, verdictMs, relayMs) as MonotonicMs;
  }
}
