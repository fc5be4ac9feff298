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
import { BroadcastList, type Broadcast } from "./broadcast-list.ts";

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
  readonly #named = new Map<string, Broadcast>();
  /** Few messages have one. */
  readonly #tokens = new Map<Broadcast, number>();
  #size = 0;
  #order = 0;
  #finished: number[] = [];

  /** Messages that still wait for a transmission. */
  get size(): number {
    return this.#size;
  }

  /** Queues a message, whose bytes must not change afterwards. */
  add(bytes: Uint8Array, { name, token }: BroadcastMarks = noMarks): void {
    assert(bytes.length > 0, "a broadcast has bytes");
    this.#order += 1;
    const old = name === undefined ? undefined : this.#named.get(name);
    if (old !== undefined) this.#remove(old);
    const entry: Broadcast = {
      bytes,
      name,
      order: this.#order,
      transmits: 0,
      newer: undefined,
      older: undefined,
    };
    if (token !== undefined) this.#tokens.set(entry, token);
    if (name !== undefined) this.#named.set(name, entry);
    this.#put(entry);
  }

  /** The messages for one packet; counts as one transmission of each. */
  take({ overheadBytes, bytesMax, countMax = Infinity, transmitsMax }: TakeLimits): Uint8Array[] {
    const parts: Uint8Array[] = [];
    const taken: Broadcast[] = [];
    let free = bytesMax - overheadBytes;
    for (let told = 0; told < this.#tiers.length && free > 0; told += 1) {
      const tier = this.#tiers[told] as Tier;
      let at = placeOf(tier, free);
      while (at < tier.length && parts.length < countMax) {
        const list = tier[at] as BroadcastList;
        const entry = list.take();
        taken.push(entry);
        parts.push(entry.bytes);
        free -= list.length + overheadBytes;
        if (list.isEmpty) tier.splice(at, 1);
        at = placeOf(tier, free);
      }
    }
    this.#size -= taken.length;
    // Only now, or the walk would have met them again one tier further.
    for (const entry of taken) {
      entry.transmits += 1;
      if (entry.transmits < transmitsMax) {
        this.#put(entry);
      } else {
        if (entry.name !== undefined) this.#named.delete(entry.name);
        this.#finish(entry);
      }
    }
    return parts;
  }

  /** Drops what comes last in the order until `sizeMax` messages are left. */
  prune(sizeMax: number): void {
    if (this.#size <= sizeMax) return;
    const surplus = this.#inOrder().slice(sizeMax);
    for (const entry of surplus.reverse()) {
      this.#remove(entry);
      if (entry.name !== undefined) this.#named.delete(entry.name);
    }
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
    return this.#inOrder();
  }

  #inOrder(): Broadcast[] {
    return this.#tiers.flatMap((tier) => tier.flatMap((list) => list.entries()));
  }

  #put(entry: Broadcast): void {
    const { transmits, bytes } = entry;
    const { length } = bytes;
    while (this.#tiers.length <= transmits) this.#tiers.push([]);
    const tier = this.#tiers[transmits] as Tier;
    const at = placeOf(tier, length);
    let list = tier[at];
    if (list?.length !== length) {
      list = new BroadcastList(length);
      tier.splice(at, 0, list);
    }
    list.add(entry);
    this.#size += 1;
  }

  /** Takes out an entry, but for its name. */
  #remove(entry: Broadcast): void {
    const tier = this.#tiers[entry.transmits] as Tier;
    const at = placeOf(tier, entry.bytes.length);
    const list = tier[at] as BroadcastList;
    list.remove(entry);
    if (list.isEmpty) tier.splice(at, 1);
    this.#size -= 1;
    this.#finish(entry);
  }

  #finish(entry: Broadcast): void {
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
