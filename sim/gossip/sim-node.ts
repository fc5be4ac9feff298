/** One simulated node: the real core, and a layer above that only counts. */
import { monotonicMs } from "../../src/lib/clock.ts";
import type { NetAddress } from "../../src/lib/net.ts";
import type { Rng } from "../../src/lib/rng.ts";
import type { SwimDelegate, SwimNode } from "../../src/gossip/core/delegate.ts";
import type { NameSlots } from "../../src/gossip/core/name-slots.ts";
import { Swim } from "../../src/gossip/core/swim.ts";
import type { SwimEffects, SwimInput } from "../../src/gossip/core/swim-effects.ts";
import type { SwimOptions } from "../../src/gossip/core/swim-options.ts";
import type { SimCodec } from "./sim-codec.ts";

const nothing = new Uint8Array();
const nothingToSay: readonly Uint8Array[] = [];

/** What nodes tell the simulation as it happens. */
export interface NodeWatcher {
  /** `observer` believes `name` alive that it did not know as such. */
  joined(observer: number, name: string): void;
  /** `observer` believes `name` dead or gone. */
  gone(observer: number, name: string): void;
}

/** What all nodes of a pool share. */
export interface NodeWorld {
  readonly options: SwimOptions;
  readonly codec: SimCodec;
  readonly slots: NameSlots;
  readonly watcher: NodeWatcher;
  /** Sent with each node's news, in bytes: tags of a real agent are about 170. */
  readonly meta: Uint8Array;
  readonly rng: Rng;
}

/** An address that knows whose it is, so that no packet needs a look-up. */
export interface SimAddress extends NetAddress {
  readonly index: number;
}

export class SimNode {
  readonly index: number;
  readonly name: string;
  readonly address: SimAddress;
  readonly swim: Swim;
  isDown = false;
  /** Until then the process gets no time: what comes in waits. */
  stalledUntilMs = 0;
  /** The wake-up that counts; others in the calendar are stale. */
  wakeAtMs = Infinity;

  constructor(index: number, world: NodeWorld) {
    this.index = index;
    this.name = `node-${index}`;
    this.address = { host: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, port: 8301, index };
    const { options, codec, slots, rng } = world;
    const { name, address } = this;
    this.swim = new Swim({
      name,
      address,
      options,
      rng: rng.fork(name),
      delegate: new CountingDelegate(index, world),
      encode: codec.encode,
      intern: codec.intern,
      slots,
      newsSlots: slots,
    });
  }

  step(nowMs: number, inputs: readonly SwimInput[]): SwimEffects {
    return this.swim.step(monotonicMs(nowMs), inputs);
  }
}

class CountingDelegate implements SwimDelegate {
  readonly #index: number;
  readonly #world: NodeWorld;

  constructor(index: number, world: NodeWorld) {
    this.#index = index;
    this.#world = world;
  }

  localMeta(): Uint8Array {
    return this.#world.meta;
  }
  userMessage(): void {
    return undefined;
  }
  broadcasts(): readonly Uint8Array[] {
    return nothingToSay;
  }
  localState(): Uint8Array {
    return nothing;
  }
  mergeState(): void {
    return undefined;
  }
  nodeJoined({ name }: SwimNode): void {
    this.#world.watcher.joined(this.#index, name);
  }
  nodeLeft({ name }: SwimNode): void {
    this.#world.watcher.gone(this.#index, name);
  }
  nodeUpdated(): void {
    return undefined;
  }
  aliveProblem(): undefined {
    return undefined;
  }
  mergeProblem(): undefined {
    return undefined;
  }
  conflict(): void {
    return undefined;
  }
  ackPayload(): Uint8Array {
    return nothing;
  }
  pingCompleted(): void {
    return undefined;
  }
}
