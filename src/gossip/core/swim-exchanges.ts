/**
 * Full exchanges of state: joining, and repairing what gossip missed.
 *
 *     caller ── all it knows ──▶ listener
 *     caller ◀── all it knows ── listener      then each merges what it got
 *
 * The listener answers before it merges, even when its own merge will refuse the newcomer:
 * the caller judges for itself.
 * Source: protocol reference, gossip-memberlist sections 4 and 5.
 */
import { unreachable } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { NodeState, PushNodeState, PushPullMessage, StreamMessage } from "../../wire/gossip/messages.ts";
import { claimOf, type Belief } from "./belief.ts";
import { protocolProblem } from "./protocol-check.ts";
import { pushPullScaledMs, settlingMs } from "./scaling.ts";
import type { Membership } from "./swim-membership.ts";
import { shown, type SwimState } from "./swim-state.ts";

const reportedStates: readonly NodeState[] = ["alive", "suspect", "dead", "left"];

interface Open {
  readonly join: boolean;
  /** For joins; else a periodic exchange. */
  readonly joinId: number | undefined;
  readonly node: string | undefined;
  readonly to: NetAddress;
  readonly startedMs: MonotonicMs;
}

/** Owned by one `Swim`. */
export class Exchanges {
  readonly #state: SwimState;
  readonly #membership: Membership;
  readonly #open = new Map<number, Open>();
  #exchangeId = 0;
  #nextMs: MonotonicMs;
  /** Periodic exchanges since the last join. */
  #sinceJoinCount = Infinity;

  /** The first periodic exchange comes up to one interval later than the others do. */
  constructor(state: SwimState, membership: Membership) {
    this.#state = state;
    this.#membership = membership;
    const { pushPullIntervalMs } = state.options;
    this.#nextMs = (state.nowMs + pushPullIntervalMs + state.rng.below(pushPullIntervalMs)) as MonotonicMs;
  }

  /** When the next periodic exchange is due. */
  get nextMs(): MonotonicMs {
    return this.#nextMs;
  }

  /** Joins through a node. */
  join(o: { readonly joinId: number; readonly to: NetAddress; readonly node: string | undefined }): void {
    this.#begin({ join: true, startedMs: this.#state.nowMs, ...o });
  }

  /** Starts the periodic exchange if it is due. */
  fire(): void {
    const { table, options, nowMs, name } = this.#state;
    if (nowMs < this.#nextMs) return;
    const usualMs = pushPullScaledMs(options.pushPullIntervalMs, table.size);
    this.#sinceJoinCount += 1;
    this.#nextMs = (nowMs + Math.min(usualMs, this.#settlingMs())) as MonotonicMs;
    const [peer] = table.pick(1, ({ kind, node }) => kind === "alive" && node !== name);
    if (peer === undefined) return;
    this.#begin({
      join: false,
      joinId: undefined,
      node: peer.node,
      to: claimOf(peer).address,
      startedMs: nowMs,
    });
  }

  /** A peer's state came in. */
  receive(inboundId: number, message: PushPullMessage, from: NetAddress): void {
    const own = this.#localState(message.join);
    this.#state.outbox.streamReply({ inboundId, message: own });
    const problem = this.#merge(message, own.nodes);
    if (problem === undefined) return;
    this.#state.outbox.log("error", `Failed push/pull merge: ${problem} from=${shown(from)}`);
  }

  /** The peer of one of our exchanges answered. */
  answered(exchangeId: number, message: StreamMessage): void {
    const open = this.#open.get(exchangeId);
    if (open === undefined) return;
    this.#open.delete(exchangeId);
    this.#conclude(open, this.#judge(open, message));
  }

  /** One of our exchanges came to nothing. */
  failed(exchangeId: number, reason: string): void {
    const open = this.#open.get(exchangeId);
    if (open === undefined) return;
    this.#open.delete(exchangeId);
    this.#conclude(open, reason);
  }

  #begin(open: Open): void {
    this.#exchangeId += 1;
    this.#open.set(this.#exchangeId, open);
    this.#state.outbox.exchange({
      exchangeId: this.#exchangeId,
      to: open.to,
      node: open.node,
      message: this.#localState(open.join),
      timeoutMs: this.#state.options.streamTimeoutMs,
    });
  }

  #judge(open: Open, message: StreamMessage): string | undefined {
    switch (message.kind) {
      case "pushPull":
        // Which kind of exchange it is, is ours to say.
        return this.#merge({ ...message, join: open.join }, this.#nodes());
      case "error":
        return `remote error: ${message.text}`;
      case "ping":
      case "ack":
      case "user":
        return `received invalid msgType (${message.kind}), expected pushPullMsg (6) from=${shown(open.to)}`;
      default:
        return unreachable(message);
    }
  }

  #conclude({ joinId, node, to, startedMs }: Open, problem: string | undefined): void {
    const { outbox, nowMs } = this.#state;
    outbox.timer("pushPullNode", nowMs - startedMs);
    if (joinId !== undefined) {
      if (problem === undefined) this.#settle();
      return outbox.outcome({ kind: "joined", joinId, problem });
    }
    if (problem !== undefined) outbox.log("error", `Push/Pull with ${node ?? shown(to)} failed: ${problem}`);
  }

  /**
   * Who joined asks others for all they know sooner than usual, at first. Where many join at once, each hears of only
   * those who came before it, and gossip takes long to tell of the rest, since a packet holds few of so many names:
   * 1,000 know each other after a third of the time. Ours; the reference leaves it to gossip.
   */
  #settle(): void {
    this.#sinceJoinCount = 0;
    const earlyMs = (this.#state.nowMs + this.#settlingMs()) as MonotonicMs;
    if (earlyMs < this.#nextMs) this.#nextMs = earlyMs;
  }

  #settlingMs(): number {
    const leastMs = settlingMs(this.#sinceJoinCount);
    // Spread out, or all who joined together would ask together.
    return leastMs === Infinity ? leastMs : leastMs + this.#state.rng.below(leastMs);
  }

  #localState(join: boolean): PushPullMessage {
    const { table, outbox, delegate } = this.#state;
    for (const state of reportedStates) outbox.gauge("node.instances", table.counts[state], state);
    return {
      kind: "pushPull",
      join,
      nodes: this.#nodes(),
      userState: delegate.localState(join),
    };
  }

  #nodes(): readonly PushNodeState[] {
    return this.#state.table.beliefs().map(toPushState);
  }

  /** Why nothing was merged, or `undefined`. `own`: what is known here. */
  #merge(
    { nodes: received, join, userState }: PushPullMessage,
    own: readonly PushNodeState[],
  ): string | undefined {
    const { delegate, nowMs } = this.#state;
    const nodes = received.map((node) => {
      const address = this.#state.withPort(node.address);
      return address === node.address ? node : { ...node, address };
    });
    const problem = protocolProblem(nodes, own) ?? (join ? delegate.mergeProblem(nodes) : undefined);
    if (problem !== undefined) return problem;
    for (const node of nodes) this.#mergeNode(node);
    if (userState.length > 0) delegate.mergeState(userState, join, nowMs);
    return undefined;
  }

  #mergeNode({ name, address, meta, vsn, incarnation, state }: PushNodeState): void {
    switch (state) {
      case "alive":
        return this.#membership.alive({ kind: "alive", node: name, address, meta, vsn, incarnation });
      case "left":
        return this.#membership.dead({ kind: "dead", node: name, from: name, incarnation });
      case "dead":
      // A death by hearsay is only a suspicion: the node gets its time to refute.
      case "suspect":
        return this.#membership.suspect({ kind: "suspect", node: name, from: this.#state.name, incarnation });
      default:
        return unreachable(state);
    }
  }
}

function toPushState(belief: Belief): PushNodeState {
  const { address, meta, vsn } = claimOf(belief);
  return { name: belief.node, address, meta, incarnation: belief.incarnation, state: belief.kind, vsn };
}
