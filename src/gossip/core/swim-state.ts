/** What the parts of SWIM share: who this node is, what it knows, what it has to say. */
import { assert, must } from "../../lib/assert.ts";
import { monotonicMs, type MonotonicMs } from "../../lib/clock.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { Rng } from "../../lib/rng.ts";
import type { AliveMessage, GossipMessage } from "../../wire/gossip/messages.ts";
import { Awareness } from "./awareness.ts";
import type { Belief } from "./belief.ts";
import type { SwimDelegate } from "./delegate.ts";
import { OwnNameSlots, type NameSlots } from "./name-slots.ts";
import { NodeTable } from "./swim-node-table.ts";
import { checkSwimOptions, type SwimOptions } from "./swim-options.ts";
import { SwimOutbox } from "./swim-outbox.ts";

/** What a `Swim` is made from. */
export interface SwimSetup {
  /** Unique in the pool. */
  readonly name: string;
  /** Where others reach this node, by UDP and TCP. */
  readonly address: NetAddress;
  /** Stands in for port 0 in messages of old peers; the port of `address` if absent. */
  readonly bindPort?: number;
  readonly options: SwimOptions;
  readonly rng: Rng;
  readonly delegate: SwimDelegate;
  /** A message as bytes, with its type byte. The bytes are kept and must not change. */
  readonly encode: (message: GossipMessage) => Uint8Array;
  /** The highest incarnation that an earlier life may have taken; 0 if absent. */
  readonly incarnationBefore?: number;
  /** Whether a node may have, or speak from, this IP address; all may if absent. */
  readonly allowsHost?: (host: string) => boolean;
  /** Where names get their numbers: for the table of nodes, and for the queue of news. Books of their own if absent. */
  readonly slots?: NameSlots;
  readonly newsSlots?: NameSlots;
  /** Answers one object for equal claims, which nodes in one process so share; absent: each keeps its own. */
  readonly intern?: (claim: AliveMessage) => AliveMessage;
}

/** Owned by one `Swim`. */
export class SwimState {
  readonly name: string;
  readonly address: NetAddress;
  readonly bindPort: number;
  readonly options: SwimOptions;
  readonly rng: Rng;
  readonly delegate: SwimDelegate;
  readonly encode: (message: GossipMessage) => Uint8Array;
  readonly allowsHost: (host: string) => boolean;
  readonly incarnationBefore: number;
  readonly newsSlots: NameSlots;
  readonly intern: (claim: AliveMessage) => AliveMessage;
  readonly outbox = new SwimOutbox();
  readonly awareness: Awareness;
  readonly table: NodeTable;
  #nowMs: MonotonicMs = monotonicMs(0);
  #sequence = 0;

  constructor(setup: SwimSetup) {
    const problems = checkSwimOptions(setup.options);
    assert(problems.length === 0, `SWIM's options are sound: ${problems.join("; ")}`);
    assert(setup.name.length > 0, "a node has a name");
    this.name = setup.name;
    this.address = setup.address;
    this.bindPort = setup.bindPort ?? setup.address.port;
    this.options = setup.options;
    this.rng = setup.rng;
    this.delegate = setup.delegate;
    this.encode = setup.encode;
    this.allowsHost = setup.allowsHost ?? (() => true);
    this.incarnationBefore = setup.incarnationBefore ?? 0;
    this.awareness = new Awareness(setup.options.awarenessMultiplierMax);
    this.newsSlots = setup.newsSlots ?? new OwnNameSlots();
    this.intern = setup.intern ?? ((claim) => claim);
    this.table = new NodeTable(setup.rng, setup.slots);
  }

  get nowMs(): MonotonicMs {
    return this.#nowMs;
  }

  setNow(nowMs: MonotonicMs): void {
    assert(nowMs >= this.#nowMs, "time never runs backwards");
    this.#nowMs = nowMs;
  }

  /** What this node believes of itself. */
  get self(): Belief {
    return must(this.table.get(this.name), "a started node knows itself");
  }

  /** Whether anybody else is alive or suspect. */
  hasOthers(): boolean {
    const { alive, suspect } = this.table.counts;
    return alive + suspect > (this.self.kind === "alive" ? 1 : 0);
  }

  /** Moves the health score; a change is reported. */
  feel(delta: number): void {
    if (this.awareness.apply(delta)) this.outbox.gauge("health.score", this.awareness.score);
  }

  /** A number for a ping that no other under way has. */
  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  /** The address with the port that port 0 stands for. Old peers send no port. */
  withPort(address: NetAddress): NetAddress {
    return address.port === 0 ? { host: address.host, port: this.bindPort } : address;
  }
}

/** An address as the reference prints it in these logs: without brackets. */
export function shown({ host, port }: NetAddress): string {
  return `${host}:${port}`;
}
