/**
 * Real SWIM and serf cores, one upon the other, on a network that loses datagrams: the driver's part by the book.
 *
 *     calendar ──▶ Swim.step, Serf.clock ──▶ effects ──▶ network ──▶ calendar …
 *
 * Everything follows from one seed.
 */
import { Calendar } from "../../sim/gossip/calendar.ts";
import { Serf } from "../../src/gossip/core/serf.ts";
import { checkSerfInvariants } from "../../src/gossip/core/serf-invariants.ts";
import { serfLanDefaults } from "../../src/gossip/core/serf-options.ts";
import type { SerfEffect } from "../../src/gossip/core/serf-effects.ts";
import { checkInvariants } from "../../src/gossip/core/swim-invariants.ts";
import type { Exchange, StreamPing, SwimEffects, SwimInput } from "../../src/gossip/core/swim-effects.ts";
import { consulLanOptions } from "../../src/gossip/core/swim-options.ts";
import { Swim } from "../../src/gossip/core/swim.ts";
import { must, unreachable } from "../../src/lib/assert.ts";
import { monotonicMs } from "../../src/lib/clock.ts";
import { hostPort, parseHostPort, type NetAddress } from "../../src/lib/net.ts";
import { LinearRegexp } from "../../src/lib/regexp/linear-regexp.ts";
import type { Rng } from "../../src/lib/rng.ts";
import { decodeMessage, encodeMessage } from "../../src/wire/gossip/bodies.ts";
import type { StreamMessage } from "../../src/wire/gossip/messages.ts";
import { serfCodec } from "../../src/wire/gossip/serf-codec.ts";

/** One node, and what its application was told. */
export interface StackNode {
  readonly name: string;
  readonly address: NetAddress;
  readonly swim: Swim;
  readonly serf: Serf;
  /** `kind name` of each member event, in order. */
  readonly members: string[];
  /** `name@time` of each user event, in order. */
  readonly events: string[];
  readonly acks: string[];
  readonly answers: string[];
  hasLeft: boolean;
  isDown: boolean;
}

type Happening = () => void;

function matches(expression: string, text: string): boolean | undefined {
  const regexp = LinearRegexp.compile(expression);
  return "problem" in regexp ? undefined : regexp.test(text);
}

export class GossipStack {
  readonly nodes: StackNode[] = [];
  /** Datagrams that arrive, of a hundred. */
  readonly #arrivePercent: number;
  readonly #rng: Rng;
  readonly #calendar = new Calendar<Happening>();
  readonly #wakeAtMs = new Map<StackNode, number>();
  /** Exchanges and pings over streams that wait for their reply. */
  readonly #inbound = new Map<number, (message: StreamMessage | undefined) => void>();
  readonly #joins = new Map<number, StackNode>();
  #ids = 0;
  #nowMs = 0;

  constructor(rng: Rng, arrivePercent: number) {
    this.#rng = rng;
    this.#arrivePercent = arrivePercent;
  }

  /** Starts a node; with the address of one that is gone if `instead` is given. */
  start(name: string, instead?: StackNode): StackNode {
    const address = instead?.address ?? { host: `10.0.0.${this.nodes.length + 1}`, port: 8301 };
    const rng = this.#rng.fork(`${name} ${this.#nowMs}`);
    const serf = new Serf({
      nodeName: name,
      options: serfLanDefaults,
      codec: serfCodec,
      rng: rng.fork("serf"),
      nowMs: monotonicMs(this.#nowMs),
      tags: { role: "node" },
      matches,
      isEncrypted: false,
      resolveNameConflicts: true,
      coordinates: true,
    });
    const swim = new Swim({
      name,
      address,
      options: consulLanOptions,
      rng: rng.fork("swim"),
      delegate: serf,
      encode: encodeMessage,
    });
    const told = { members: [], events: [], acks: [], answers: [] };
    const node: StackNode = { name, address, swim, serf, ...told, hasLeft: false, isDown: false };
    this.nodes.push(node);
    this.input(node, { kind: "start" });
    return node;
  }

  /** Joins through another node. */
  join(node: StackNode, through: StackNode): void {
    this.#ids += 1;
    this.#joins.set(this.#ids, node);
    node.serf.beginJoin(false);
    this.input(node, { kind: "join", joinId: this.#ids, to: through.address });
  }

  /** The host vanishes. */
  kill(node: StackNode): void {
    node.isDown = true;
  }

  /** Has a node do something, then carries out what follows from it. */
  act(node: StackNode, what: (serf: Serf) => void): void {
    node.serf.clock(monotonicMs(this.#nowMs));
    what(node.serf);
    this.input(node);
  }

  /** Gives a node an input at once. */
  input(node: StackNode, ...inputs: readonly SwimInput[]): void {
    if (node.isDown) return;
    node.serf.clock(monotonicMs(this.#nowMs));
    const effects = node.swim.step(monotonicMs(this.#nowMs), inputs);
    this.#carryOut(node, effects);
    const { list, wakeAtMs } = node.serf.takeEffects();
    for (const effect of list) this.#carryOutSerf(node, effect);
    this.#wake(node, Math.min(effects.wakeAtMs, wakeAtMs));
  }

  /** Lets time pass. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    while (this.#nowMs < untilMs) {
      this.#nowMs += 1;
      this.#calendar.take(this.#nowMs, (happening) => happening());
    }
  }

  /** Every broken invariant of every node that is up. */
  problems(): readonly string[] {
    return this.nodes
      .filter(({ isDown }) => !isDown)
      .flatMap(({ name, swim, serf }) =>
        [...checkInvariants(swim), ...checkSerfInvariants(serf)].map((problem) => `${name}: ${problem}`),
      );
  }

  #wake(node: StackNode, atMs: number): void {
    const dueMs = Math.max(Math.ceil(atMs), this.#nowMs + 1);
    const known = this.#wakeAtMs.get(node) ?? Infinity;
    if (known <= dueMs && known > this.#nowMs) return;
    this.#wakeAtMs.set(node, dueMs);
    this.#calendar.add(dueMs, () => {
      if (this.#wakeAtMs.get(node) === dueMs) this.input(node);
    });
  }

  #after(delayMs: number, happening: Happening): void {
    // What is asked for from outside comes when this millisecond is over.
    this.#calendar.add(this.#nowMs + Math.max(1, delayMs), happening);
  }

  #at(address: NetAddress): StackNode | undefined {
    return this.nodes.findLast((node) => !node.isDown && hostPort(node.address) === hostPort(address));
  }

  #carryOut(node: StackNode, effects: SwimEffects): void {
    for (const { to, messages } of effects.datagrams) {
      if (!this.#rng.chance(this.#arrivePercent, 100)) continue;
      const decoded = messages.map((bytes) => decodeMessage(bytes.slice()));
      const receiver = this.#at(to);
      if (receiver === undefined) continue;
      const input: SwimInput = { kind: "datagram", from: node.address, messages: decoded };
      this.#after(1 + this.#rng.below(4), () => this.input(receiver, input));
    }
    for (const ping of effects.streamPings) this.#call(node, ping);
    for (const exchange of effects.exchanges) this.#call(node, exchange);
    for (const { inboundId, message } of effects.streamReplies) this.#inbound.get(inboundId)?.(message);
    for (const outcome of effects.outcomes) {
      if (outcome.kind === "left") this.#after(0, () => this.act(node, (serf) => serf.swimHasLeft()));
      if (outcome.kind === "joined" && this.#joins.delete(outcome.joinId))
        this.#after(0, () =>
          this.act(node, (serf) => serf.endJoin(false, outcome.problem === undefined ? 1 : 0)),
        );
    }
  }

  /** A stream: reliable, and fails only where nobody is. */
  #call(node: StackNode, call: StreamPing | Exchange): void {
    const isExchange = "exchangeId" in call;
    const receiver = this.#at(call.to);
    if (receiver === undefined) {
      const failed: SwimInput = isExchange
        ? { kind: "exchangeFailed", exchangeId: call.exchangeId, reason: "connection refused" }
        : { kind: "streamPingFailed", seqNo: call.seqNo, reason: undefined };
      return this.#after(call.timeoutMs, () => this.input(node, failed));
    }
    this.#ids += 1;
    const inboundId = this.#ids;
    this.#inbound.set(inboundId, (message) => {
      this.#inbound.delete(inboundId);
      if (message === undefined) return;
      const answered: SwimInput = isExchange
        ? { kind: "exchangeAnswered", exchangeId: call.exchangeId, message }
        : { kind: "streamPingAnswered", seqNo: call.seqNo, message };
      this.#after(2, () => this.input(node, answered));
    });
    const request: SwimInput = isExchange
      ? { kind: "pushPullRequest", inboundId, from: node.address, message: call.message }
      : { kind: "streamPing", inboundId, message: call.message };
    this.#after(2, () => this.input(receiver, request));
  }

  #carryOutSerf(node: StackNode, effect: SerfEffect): void {
    switch (effect.kind) {
      case "member":
        node.members.push(`${effect.event.kind} ${effect.event.member.name}`);
        return;
      case "userEvent":
        node.events.push(`${effect.event.name}@${effect.event.lamportTime}`);
        return;
      case "query":
        return this.#after(0, () =>
          this.act(node, (serf) => void serf.respond(effect.query, new TextEncoder().encode(node.name))),
        );
      case "queryAck":
        node.acks.push(effect.from);
        return;
      case "queryResponse":
        node.answers.push(effect.from);
        return;
      case "send":
        return this.#later(node, { kind: "sendUser", to: effect.to, node: effect.node, bytes: effect.bytes });
      case "reconnect": {
        const [name = "", address = ""] = effect.address.split("/");
        this.#ids += 1;
        const to = must(parseHostPort(address), "serf names addresses");
        return this.#later(node, { kind: "join", joinId: this.#ids, to, node: name });
      }
      case "announceMeta":
        this.#ids += 1;
        return this.#later(node, { kind: "updateMeta", updateId: this.#ids });
      case "leaveSwim":
        return this.#later(node, { kind: "leave" });
      case "left":
        node.hasLeft = true;
        return this.kill(node);
      case "shutdown":
        return this.kill(node);
      case "queryDone":
      case "keyOperation":
      case "keyringAnswered":
      case "forceLeft":
      case "snapshotAppend":
      case "snapshotReplace":
      case "log":
      case "count":
      case "sample":
        return;
      default:
        return unreachable(effect);
    }
  }

  #later(node: StackNode, input: SwimInput): void {
    this.#after(0, () => this.input(node, input));
  }
}
