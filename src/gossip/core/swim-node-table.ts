/**
 * Every node that SWIM knows: by name, on the probe ring, and counted by state.
 *
 *     name ──▶ slot ──▶ belief
 *               ▲
 *               └────── ring: slots in the order of probes
 *
 * A table holds thousands, so all it keeps of a node are its number, twice, and what is believed of it.
 */
import { assert, must } from "../../lib/assert.ts";
import type { Rng } from "../../lib/rng.ts";
import type { NodeState } from "../../wire/gossip/messages.ts";
import type { Belief } from "./belief.ts";
import { OwnNameSlots, type NameSlots } from "./name-slots.ts";
import { ProbeRing } from "./probe-ring.ts";

/** Owned by one `Swim`. */
export class NodeTable {
  readonly #slots: NameSlots;
  readonly #beliefs: (Belief | undefined)[] = [];
  readonly #ring: ProbeRing<number>;
  readonly #counts: Record<NodeState, number> = { alive: 0, suspect: 0, dead: 0, left: 0 };

  constructor(rng: Rng, slots: NameSlots = new OwnNameSlots()) {
    this.#ring = new ProbeRing(rng);
    this.#slots = slots;
  }

  /** All known nodes, whatever their state, this node included. */
  get size(): number {
    return this.#ring.size;
  }

  get counts(): Readonly<Record<NodeState, number>> {
    return this.#counts;
  }

  get(name: string): Belief | undefined {
    const slot = this.#slots.get(name);
    return slot === undefined ? undefined : this.#beliefs[slot];
  }

  /** What is believed of each node, in the order of the ring. O(n). */
  beliefs(): readonly Belief[] {
    return this.#ring.items.map((slot) => this.#at(slot));
  }

  /** Believes something else of a node, whose suspicion ends with that. An unknown one is added to the ring. */
  set(belief: Belief): void {
    const { node, kind } = belief;
    const known = this.get(node);
    this.#counts[kind] += 1;
    if (known === undefined) {
      const slot = this.#slots.get(node) ?? this.#slots.take(node);
      // Filled up, since arrays with holes are slow.
      while (this.#beliefs.length <= slot) this.#beliefs.push(undefined);
      this.#beliefs[slot] = belief;
      this.#ring.add(slot);
      return;
    }
    assert(
      kind === "alive" || belief.incarnation >= known.incarnation,
      "accusations are as new as what is known",
    );
    this.#counts[known.kind] -= 1;
    if (known.kind === "suspect") known.suspicion.end();
    this.#beliefs[must(this.#slots.get(node), "a known node has a slot")] = belief;
  }

  /** See `ProbeRing.next`; what is gone by then is forgotten altogether. */
  nextProbe(
    mayProbe: (belief: Belief) => boolean,
    mayForget: (belief: Belief) => boolean,
  ): Belief | undefined {
    const slot = this.#ring.next({
      mayProbe: (one) => mayProbe(this.#at(one)),
      isGone: (one) => mayForget(this.#at(one)),
      forgotten: (one) => this.#forget(one),
    });
    return slot === undefined ? undefined : this.#at(slot);
  }

  /** See `ProbeRing.pick`. */
  pick(count: number, isWanted: (belief: Belief) => boolean): readonly Belief[] {
    const slots = this.#ring.pick(count, (slot) => isWanted(this.#at(slot)));
    return slots.map((slot) => this.#at(slot));
  }

  #forget(slot: number): void {
    const { node, kind } = this.#at(slot);
    this.#beliefs[slot] = undefined;
    this.#counts[kind] -= 1;
    this.#slots.release(node);
  }

  #at(slot: number): Belief {
    return must(this.#beliefs[slot], "who is on the ring is known");
  }
}
