/**
 * Every node that SWIM knows: by name, on the probe ring, and counted by state.
 *
 *     name ──▶ record { claim, incarnation, state, since, suspicion }
 *                         │
 *                         └── the alive message that was last believed: address, metadata, versions
 *
 * Records are small and share the message they came from, since a table holds thousands.
 */
import { assert } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import type { AliveMessage, NodeState } from "../../wire/gossip/messages.ts";
import type { SwimNode } from "./delegate.ts";
import { ProbeRing } from "./probe-ring.ts";
import type { Suspicion } from "./suspicion.ts";

/** What is known of one node. Changed only through the table, but for its suspicion. */
export interface NodeRecord {
  readonly name: string;
  readonly claim: AliveMessage;
  /** At least that of the claim: accusations carry newer ones. */
  readonly incarnation: number;
  readonly state: NodeState;
  /** When `state` last changed. */
  readonly sinceMs: MonotonicMs;
  /** Running exactly while the state is `suspect`. */
  suspicion: Suspicion | undefined;
}

type Writable = { -readonly [Key in keyof NodeRecord]: NodeRecord[Key] };

/** The record as the upper layer sees it. */
export function toSwimNode({ name, claim, incarnation, state }: NodeRecord): SwimNode {
  const { address, meta, vsn } = claim;
  return { name, address, meta, vsn, incarnation, state };
}

/** Dead or left: not counted among the living. */
export function isGone({ state }: NodeRecord): boolean {
  return state === "dead" || state === "left";
}

/** Owned by one `Swim`. */
export class NodeTable {
  readonly #byName = new Map<string, NodeRecord>();
  readonly #ring: ProbeRing<NodeRecord>;
  readonly #counts: Record<NodeState, number> = { alive: 0, suspect: 0, dead: 0, left: 0 };

  constructor(rng: Rng) {
    this.#ring = new ProbeRing(rng);
  }

  /** All known nodes, whatever their state, this node included. */
  get size(): number {
    return this.#byName.size;
  }

  get records(): readonly NodeRecord[] {
    return this.#ring.items;
  }

  get counts(): Readonly<Record<NodeState, number>> {
    return this.#counts;
  }

  get(name: string): NodeRecord | undefined {
    return this.#byName.get(name);
  }

  /** Adds an unknown node, dead until its claim is believed, at a random place of the ring. */
  add(claim: AliveMessage, nowMs: MonotonicMs): NodeRecord {
    assert(!this.#byName.has(claim.node), "a node is added once");
    const record: NodeRecord = {
      name: claim.node,
      claim,
      incarnation: 0,
      state: "dead",
      sinceMs: nowMs,
      suspicion: undefined,
    };
    this.#byName.set(claim.node, record);
    this.#ring.add(record);
    this.#counts.dead += 1;
    return record;
  }

  /** Believes a claim: the node is alive as it says. */
  believe(record: NodeRecord, claim: AliveMessage, nowMs: MonotonicMs): void {
    const writable: Writable = record;
    writable.claim = claim;
    writable.incarnation = claim.incarnation;
    writable.suspicion = undefined;
    this.#enter(writable, "alive", nowMs);
  }

  /** Believes an accusation or a farewell. Who is not suspect any more has no suspicion. */
  accuse(
    record: NodeRecord,
    verdict: { readonly state: NodeState; readonly incarnation: number },
    nowMs: MonotonicMs,
  ): void {
    assert(verdict.incarnation >= record.incarnation, "accusations are as new as what is known");
    const writable: Writable = record;
    writable.incarnation = verdict.incarnation;
    if (verdict.state !== "suspect") writable.suspicion = undefined;
    this.#enter(writable, verdict.state, nowMs);
  }

  /** See `ProbeRing.next`; what is gone by then is forgotten altogether. */
  nextProbe(
    mayProbe: (record: NodeRecord) => boolean,
    mayForget: (record: NodeRecord) => boolean,
  ): NodeRecord | undefined {
    return this.#ring.next({
      mayProbe,
      isGone: mayForget,
      forgotten: (record) => {
        this.#byName.delete(record.name);
        this.#counts[record.state] -= 1;
      },
    });
  }

  /** See `ProbeRing.pick`. */
  pick(count: number, isWanted: (record: NodeRecord) => boolean): readonly NodeRecord[] {
    return this.#ring.pick(count, isWanted);
  }

  #enter(record: Writable, state: NodeState, nowMs: MonotonicMs): void {
    if (record.state === state) return;
    this.#counts[record.state] -= 1;
    this.#counts[state] += 1;
    record.state = state;
    record.sinceMs = nowMs;
  }
}
