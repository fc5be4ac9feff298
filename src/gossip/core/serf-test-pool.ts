/** For tests: several serf cores, with a stand-in for SWIM that loses nothing and delivers when told to. */
import { monotonicMs } from "../../lib/clock.ts";
import type { Member } from "../../lib/members.ts";
import { hostPort } from "../../lib/net.ts";
import { seededRng } from "../../lib/rng.ts";
import type { SerfCodec } from "../../wire/gossip/serf-codec.ts";
import type { SwimNode } from "./delegate.ts";
import type { SerfEffect } from "./serf-effects.ts";
import { checkSerfInvariants } from "./serf-invariants.ts";
import { serfLanDefaults } from "./serf-options.ts";
import { Serf, type SerfStart } from "./serf.ts";

type Kind = SerfEffect["kind"];
type Of<K extends Kind> = Extract<SerfEffect, { kind: K }>;

/** One node of the pool. */
export interface TestNode {
  readonly serf: Serf;
  readonly swim: SwimNode;
  /** Everything it wanted done, except what the pool carried out. */
  readonly effects: SerfEffect[];
}

export class TestPool {
  readonly #nodes = new Map<string, TestNode>();
  readonly #codec: SerfCodec;
  #nowMs = 1_000;

  constructor(codec: SerfCodec) {
    this.#codec = codec;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Starts a node that knows only itself. */
  start(name: string, given: Partial<SerfStart> = {}): TestNode {
    const serf = new Serf({
      nodeName: name,
      options: serfLanDefaults,
      codec: this.#codec,
      rng: seededRng(this.#nodes.size + 1),
      nowMs: monotonicMs(this.#nowMs),
      tags: { role: name },
      matches: (expression, text) => new RegExp(expression).test(text),
      isEncrypted: false,
      resolveNameConflicts: true,
      coordinates: true,
      ...given,
    });
    const node: TestNode = { serf, swim: this.swimNode(name, serf.localMeta()), effects: [] };
    this.#nodes.set(name, node);
    serf.nodeJoined(node.swim, monotonicMs(this.#nowMs));
    this.settle();
    return node;
  }

  /** A node as SWIM reports it: addresses count up with the nodes. */
  swimNode(name: string, meta: Uint8Array = this.#codec.encodeTags({})): SwimNode {
    const number = [...this.#nodes.keys()].indexOf(name);
    const host = `10.0.0.${number < 0 ? this.#nodes.size + 1 : number + 1}`;
    return {
      name,
      address: { host, port: 8301 },
      meta,
      vsn: [1, 5, 2, 2, 5, 4],
      incarnation: 1,
      state: "alive",
    };
  }

  /** Starts nodes that know one another. */
  startAll(...names: readonly string[]): readonly TestNode[] {
    const nodes = names.map((name) => this.start(name));
    for (const node of nodes) for (const other of nodes) if (node !== other) this.meet(node, other);
    this.settle();
    return nodes;
  }

  /** SWIM tells `node` that `other` is alive. */
  meet(node: TestNode, other: TestNode): void {
    node.serf.nodeJoined(other.swim, monotonicMs(this.#nowMs));
  }

  /** SWIM tells everybody else that a node is gone; it hears and says nothing any more. */
  kill(node: TestNode): void {
    this.#nodes.delete(node.swim.name);
    for (const { serf } of this.#nodes.values()) serf.nodeLeft(node.swim, monotonicMs(this.#nowMs));
    this.settle();
  }

  /** A full exchange between two nodes. */
  exchange(one: TestNode, two: TestNode, join = false): void {
    const [first, second] = [one.serf.localState(join), two.serf.localState(join)];
    two.serf.mergeState(first, join, monotonicMs(this.#nowMs));
    one.serf.mergeState(second, join, monotonicMs(this.#nowMs));
    this.settle();
  }

  /** Gossips until nobody has anything to say. */
  settle(): void {
    for (let quiet = false; !quiet;) {
      quiet = true;
      for (const node of this.#nodes.values()) if (this.#speak(node)) quiet = false;
    }
    for (const { serf } of this.#nodes.values()) {
      const broken = checkSerfInvariants(serf);
      if (broken.length > 0) throw new Error(broken.join("; "));
    }
  }

  /** Lets time pass, one second at most at once, gossiping all the while. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    while (this.#nowMs < untilMs) {
      this.#nowMs = Math.min(untilMs, this.#nowMs + 1_000);
      for (const { serf } of this.#nodes.values()) serf.clock(monotonicMs(this.#nowMs));
      this.settle();
    }
  }

  /** Lets a long time pass at once. */
  leap(ms: number): void {
    this.#nowMs += ms;
    this.pass(1);
  }

  #speak({ serf, effects }: TestNode): boolean {
    let spoke = false;
    for (const bytes of serf.broadcasts({ overheadBytes: 3, bytesMax: 1_400 })) {
      spoke = true;
      for (const other of this.#nodes.values())
        if (other.serf !== serf) other.serf.userMessage(bytes, monotonicMs(this.#nowMs));
    }
    for (const effect of serf.takeEffects().list) {
      if (effect.kind !== "send") {
        effects.push(effect);
        continue;
      }
      spoke = true;
      for (const other of this.#nodes.values())
        if (hostPort(other.swim.address) === hostPort(effect.to))
          other.serf.userMessage(effect.bytes, monotonicMs(this.#nowMs));
    }
    return spoke;
  }
}

/** The effects of one kind that a node had since the last call. */
export function take<K extends Kind>(node: TestNode, kind: K): readonly Of<K>[] {
  const found = node.effects.filter((effect): effect is Of<K> => effect.kind === kind);
  const rest = node.effects.filter((effect) => effect.kind !== kind);
  node.effects.splice(0, Infinity, ...rest);
  return found;
}

/** Members by name with their status. */
export function statuses(node: TestNode): Readonly<Record<string, Member["status"]>> {
  return Object.fromEntries(node.serf.members().map(({ name, status }) => [name, status]));
}

/** Member events since the last call, as `kind name`. */
export function events(node: TestNode): readonly string[] {
  return take(node, "member").map(({ event }) => `${event.kind} ${event.member.name}`);
}
