/**
 * Messages to spread by gossip: each goes out a limited number of times, the least told first.
 *
 *     tier 0 (never told)  ┌ 210 bytes: newest … oldest ┐ ┌ 64 bytes: … ┐
 *     tier 1 (told once)   ┌ 210 bytes: …               ┐
 *     …
 *
 * Order: fewest transmissions; among equals the longer message, then the newer. A named message replaces the
 * queued one of the same name, since it says something newer about the same thing. Each time a packet is filled,
 * the queue is walked tier by tier and takes the first of each tier that still fits: small messages fill the gaps.
 * Source: protocol reference, gossip-memberlist section 6; SWIM (Das, Gupta, Motivala 2002), section 4.1.
 */
import { assert } from "../../lib/assert.ts";
import { BroadcastColumns, nobody } from "./broadcast-columns.ts";
import { BroadcastList } from "./broadcast-list.ts";
import { OwnNameSlots, type NameSlots } from "./name-slots.ts";

/** One filling of a packet. */
export interface TakeLimits {
  /** Bytes that each message costs besides its own. */
  readonly overheadBytes: number;
  /** Most bytes of all messages with their overhead. */
  readonly bytesMax: number;
  /** Most messages; no limit if absent. */
  readonly countMax?: number;
  /** A message that was sent this often is done. Even with 0 it is sent once. */
  readonly transmitsMax: number;
}

/** What a message may carry along. */
export interface BroadcastMarks {
  /** Replaces the queued message of this name. */
  readonly name?: string;
  /** Reported by `takeFinished` when the message is done. */
  readonly token?: number;
}

/** Messages that were told equally often, by length, the longest first. There are few lengths; none is empty. */
type Tier = BroadcastList[];

/** A queue of one lane. Adding and taking a message are O(l) in the different lengths, and see `BroadcastList`. */
export class BroadcastQueue {
  /** By the number of transmissions; tiers may be empty. */
  readonly #tiers: Tier[] = [];
  readonly #columns = new BroadcastColumns();
  readonly #slots: NameSlots;
  /** By the slot of a name, the message that is queued under it. */
  #named = new Int32Array(0);
  /** Few messages have one. */
  readonly #tokens = new Map<number, number>();
  #size = 0;
  #order = 0;
  #finished: number[] = [];

  /** `slots`: where names get their numbers. */
  constructor(slots: NameSlots = new OwnNameSlots()) {
    this.#slots = slots;
  }

  /** Messages that still wait for a transmission. */
  get size(): number {
    return this.#size;
  }

  /** Queues a message, whose bytes must not change afterwards. */
  add(bytes: Uint8Array, { name, token }: BroadcastMarks = noMarks): void {
    assert(bytes.length > 0, "a broadcast has bytes");
    if (name !== undefined) this.#replace(name);
    this.#order += 1;
    const columns = this.#columns;
    const entry = columns.take(bytes);
    columns.order[entry] = this.#order;
    columns.transmits[entry] = 0;
    columns.name[entry] = name === undefined ? nobody : this.#enter(name, entry);
    if (token !== undefined) this.#tokens.set(entry, token);
    this.#put(entry);
  }

  /** The messages for one packet; counts as one transmission of each. */
  take({ overheadBytes, bytesMax, countMax = Infinity, transmitsMax }: TakeLimits): Uint8Array[] {
    const parts: Uint8Array[] = [];
    const taken: number[] = [];
    const columns = this.#columns;
    let free = bytesMax - overheadBytes;
    for (let told = 0; told < this.#tiers.length && free > 0; told += 1) {
      const tier = this.#tiers[told] as Tier;
      let at = placeOf(tier, free);
      while (at < tier.length && parts.length < countMax) {
        const list = tier[at] as BroadcastList;
        const entry = list.take();
        taken.push(entry);
        parts.push(columns.bytes(entry));
        free -= list.length + overheadBytes;
        if (list.isEmpty) tier.splice(at, 1);
        at = placeOf(tier, free);
      }
    }
    this.#size -= taken.length;
    // Only now, or the walk would have met them again one tier further.
    for (const entry of taken) {
      const transmits = (columns.transmits[entry] as number) + 1;
      columns.transmits[entry] = transmits;
      if (transmits < transmitsMax) this.#put(entry);
      else this.#finish(entry);
    }
    return parts;
  }

  /** Drops what comes last in the order until `sizeMax` messages are left. */
  prune(sizeMax: number): void {
    if (this.#size <= sizeMax) return;
    const surplus = this.#inOrder().slice(sizeMax);
    for (const entry of surplus.reverse()) this.#drop(entry);
  }

  /** Tokens of messages that were sent often enough, replaced or pruned since the last call. */
  takeFinished(): readonly number[] {
    if (this.#finished.length === 0) return none;
    const finished = this.#finished;
    this.#finished = [];
    return finished;
  }

  /** Everything queued in the order in which it would go. For tests and `checkInvariants`. */
  view(): readonly {
    readonly transmits: number;
    readonly bytes: Uint8Array;
    readonly name: string | undefined;
  }[] {
    const columns = this.#columns;
    return this.#inOrder().map((entry) => {
      const slot = columns.name[entry] as number;
      const name = slot === nobody ? undefined : this.#slots.nameOf(slot);
      return { transmits: columns.transmits[entry] as number, bytes: columns.bytes(entry), name };
    });
  }

  #inOrder(): number[] {
    return this.#tiers.flatMap((tier) => tier.flatMap((list) => list.entries()));
  }

  #replace(name: string): void {
    const slot = this.#slots.get(name);
    const old = slot === undefined ? undefined : this.#named[slot];
    if (old !== undefined && old !== nobody) this.#drop(old);
  }

  /** Answers the slot of the name. */
  #enter(name: string, entry: number): number {
    const slot = this.#slots.get(name) ?? this.#slots.take(name);
    if (slot >= this.#named.length) {
      const longer = new Int32Array(Math.max(16, Math.ceil(slot * 1.5))).fill(nobody);
      longer.set(this.#named);
      this.#named = longer;
    }
    this.#named[slot] = entry;
    return slot;
  }

  #put(entry: number): void {
    const transmits = this.#columns.transmits[entry] as number;
    const { length } = this.#columns.bytes(entry);
    while (this.#tiers.length <= transmits) this.#tiers.push([]);
    const tier = this.#tiers[transmits] as Tier;
    const at = placeOf(tier, length);
    let list = tier[at];
    if (list?.length !== length) {
      list = new BroadcastList(this.#columns, length);
      tier.splice(at, 0, list);
    }
    list.add(entry);
    this.#size += 1;
  }

  #drop(entry: number): void {
    const tier = this.#tiers[this.#columns.transmits[entry] as number] as Tier;
    const at = placeOf(tier, this.#columns.bytes(entry).length);
    const list = tier[at] as BroadcastList;
    list.remove(entry);
    if (list.isEmpty) tier.splice(at, 1);
    this.#size -= 1;
    this.#finish(entry);
  }

  #finish(entry: number): void {
    const slot = this.#columns.name[entry] as number;
    if (slot !== nobody) {
      this.#named[slot] = nobody;
      this.#slots.release(this.#slots.nameOf(slot));
    }
    this.#columns.release(entry);
    if (this.#tokens.size === 0) return;
    const token = this.#tokens.get(entry);
    if (token === undefined) return;
    this.#tokens.delete(entry);
    this.#finished.push(token);
  }
}

const noMarks: BroadcastMarks = Object.freeze({});
const none: readonly number[] = Object.freeze([]);

/** Where the lengths of a tier begin to be at most `lengthMax`. */
function placeOf(tier: Tier, lengthMax: number): number {
  let at = 0;
  while (at < tier.length && (tier[at] as BroadcastList).length > lengthMax) at += 1;
  return at;
}
