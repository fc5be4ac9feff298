/**
 * What one node believes of another: a value, made anew when it changes.
 *
 * An alive node is what it says of itself, so the belief is the very message it said it with. A pool of thousands is
 * alive almost all of it: then a belief costs nothing but a pointer, and many nodes in one process can share them.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { AliveMessage } from "../../wire/gossip/messages.ts";
import type { SwimNode } from "./delegate.ts";
import type { Suspicion } from "./suspicion.ts";

/** Said not to answer, and still given time to refute. */
export interface Suspected {
  readonly kind: "suspect";
  readonly node: string;
  /** The message that was last believed: address, metadata, versions. */
  readonly claim: AliveMessage;
  /** At least that of the claim: accusations carry newer ones. */
  readonly incarnation: number;
  readonly suspicion: Suspicion;
}

/** Dead, or left by its own will. */
export interface Gone {
  readonly kind: "dead" | "left";
  readonly node: string;
  readonly claim: AliveMessage;
  readonly incarnation: number;
  readonly sinceMs: MonotonicMs;
}

/** Its `kind` is the node's state. */
export type Belief = AliveMessage | Suspected | Gone;

/** The alive message that was last believed. */
export function claimOf(belief: Belief): AliveMessage {
  return belief.kind === "alive" ? belief : belief.claim;
}

/** Not counted among the living. */
export function isGone(belief: Belief): belief is Gone {
  return belief.kind === "dead" || belief.kind === "left";
}

/** The node as the upper layer sees it. */
export function toSwimNode(belief: Belief): SwimNode {
  const { address, meta, vsn } = claimOf(belief);
  return { name: belief.node, address, meta, vsn, incarnation: belief.incarnation, state: belief.kind };
}
