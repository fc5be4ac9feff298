/**
 * Messages to spread by gossip: each goes out a limited number of times, the least told first.
 *
 * Order: fewest transmissions; among equals the longer message, then the newer. A named message replaces the
 * queued one of the same name, since it says something newer about the same thing. Each time a packet is filled,
 * the queue is walked tier by tier and takes the first of each tier that still fits: small messages fill the gaps.
 * Source: protocol reference, gossip-memberlist section 6; SWIM (Das, Gupta, Motivala 2002), section 4.1.
 */
import { assert } from "../../lib/assert.ts";
import { SortedTree } from "../../lib/sorted-tree.ts";

interface Entry {
  /** Part of the order: changes only while the entry is out of the tree. */
  transmits: number;
  readonly length: number;
  /** Grows with each message. */
  readonly order: number;
  readonly bytes: Uint8Array;
  readonly name: string | undefined;
  readonly token: number | undefined;
}

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

/** A queue of one lane. Adding and taking a message are O(log n). */
export class BroadcastQueue {
  readonly #tree = new SortedTree<Entry, true>(undefined, compare);
  readonly #named = new Map<string, Entry>();
  #order = 0;
  #finished: number[] = [];

  /** Messages that still wait for a transmission. */
  get size(): number {
    return this.#tree.size;
  }

  /** Queues a message, whose bytes must not change afterwards. */
  add(bytes: Uint8Array, marks: BroadcastMarks = {}): void {
    assert(bytes.length > 0, "a broadcast has bytes");
    this.#order += 1;
    const { name, token } = marks;
    const old = name === undefined ? undefined : this.#named.get(name);
    if (old !== undefined) this.#drop(old);
    const entry = { transmits: 0, length: bytes.length, order: this.#order, bytes, name, token };
    this.#tree.set(entry, true);
    if (name !== undefined) this.#named.set(name, entry);
  }

  /** The messages for one packet; counts as one transmission of each. */
  take({ overheadBytes, bytesMax, countMax = Infinity, transmitsMax }: TakeLimits): Uint8Array[] {
    const taken: Uint8Array[] = [];
    // Put back only at the end, or the walk would meet them again one tier further.
    const again: Entry[] = [];
    let free = bytesMax - overheadBytes;
    let tier = this.#tree.minKey()?.transmits;
    while (tier !== undefined && free > 0 && taken.length < countMax) {
      const entry = this.#tree.getPairOrNextHigher(probe(tier, free))?.[0];
      if (entry === undefined) break;
      if (entry.transmits > tier) {
        // Nothing of this tier fits. The next tier starts over with the longest that fits there.
        tier = entry.transmits;
        if (entry.length > free) continue;
      }
      this.#tree.delete(entry);
      taken.push(entry.bytes);
      free -= entry.length + overheadBytes;
      entry.transmits += 1;
      if (entry.transmits >= transmitsMax) this.#finish(entry);
      else again.push(entry);
    }
    for (const entry of again) this.#tree.set(entry, true);
    return taken;
  }

  /** Drops what comes last in the order until `sizeMax` messages are left. */
  prune(sizeMax: number): void {
    while (this.#tree.size > sizeMax) {
      const last = this.#tree.maxKey();
      if (last === undefined) return;
      this.#drop(last);
    }
  }

  /** Tokens of messages that were sent often enough, replaced or pruned since the last call. */
  takeFinished(): readonly number[] {
    if (this.#finished.length === 0) return [];
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
    return this.#tree.keysArray();
  }

  #drop(entry: Entry): void {
    this.#tree.delete(entry);
    this.#finish(entry);
  }

  #finish({ name, token }: Entry): void {
    if (name !== undefined) this.#named.delete(name);
    if (token !== undefined) this.#finished.push(token);
  }
}

/** The place in the order before every message of the tier that is at most `length` long. */
function probe(transmits: number, length: number): Entry {
  return { transmits, length, order: Infinity, bytes: nothing, name: undefined, token: undefined };
}

const nothing = new Uint8Array();

function compare(a: Entry, b: Entry): number {
  if (a.transmits !== b.transmits) return a.transmits - b.transmits;
  if (a.length !== b.length) return b.length - a.length;
  return a.order === b.order ? 0 : b.order - a.order;
}
