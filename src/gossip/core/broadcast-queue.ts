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
import { BroadcastHeap, type Broadcast } from "./broadcast-heap.ts";

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
type Tier = BroadcastHeap[];

/** A queue of one lane. Adding and taking a message are O(log n) in the messages, O(l) in the different lengths. */
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
    if (old !== undefined) this.#drop(old);
    const entry: Broadcast = { bytes, name, order: this.#order, transmits: 0, heap: undefined, at: 0 };
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
        const heap = tier[at] as BroadcastHeap;
        const entry = heap.take();
        taken.push(entry);
        parts.push(entry.bytes);
        free -= heap.length + overheadBytes;
        if (heap.size === 0) tier.splice(at, 1);
        at = placeOf(tier, free);
      }
    }
    this.#size -= taken.length;
    // Only now, or the walk would have met them again one tier further.
    for (const entry of taken) {
      entry.transmits += 1;
      if (entry.transmits >= transmitsMax) this.#finish(entry);
      else this.#put(entry);
    }
    return parts;
  }

  /** Drops what comes last in the order until `sizeMax` messages are left. */
  prune(sizeMax: number): void {
    if (this.#size <= sizeMax) return;
    const surplus = this.#sorted().slice(sizeMax);
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
    return this.#sorted();
  }

  #sorted(): Broadcast[] {
    return this.#tiers.flatMap((tier) => tier.flatMap((heap) => heap.sorted()));
  }

  #put(entry: Broadcast): void {
    const { transmits, bytes } = entry;
    const { length } = bytes;
    while (this.#tiers.length <= transmits) this.#tiers.push([]);
    const tier = this.#tiers[transmits] as Tier;
    const at = placeOf(tier, length);
    let heap = tier[at];
    if (heap?.length !== length) {
      heap = new BroadcastHeap(length);
      tier.splice(at, 0, heap);
    }
    heap.add(entry);
    this.#size += 1;
  }

  #drop(entry: Broadcast): void {
    const { heap } = entry;
    assert(heap !== undefined, "what is dropped was waiting");
    heap.remove(entry);
    this.#size -= 1;
    const tier = this.#tiers[entry.transmits] as Tier;
    if (heap.size === 0) tier.splice(placeOf(tier, heap.length), 1);
    this.#finish(entry);
  }

  #finish(entry: Broadcast): void {
    if (entry.name !== undefined) this.#named.delete(entry.name);
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
  while (at < tier.length && (tier[at] as BroadcastHeap).length > lengthMax) at += 1;
  return at;
}
