/** What must hold of one node between any two steps; the numbers are those of docs/internals/gossip.md. */
import type { Swim } from "./swim.ts";
import { isGone } from "./belief.ts";
import { retransmitLimit } from "./scaling.ts";

/** Every broken invariant as a sentence; empty when all is well. For tests and simulation: O(n). */
export function checkInvariants(swim: Swim): readonly string[] {
  const { state, news, membership, wakeAtMs } = swim.inside();
  const { table, options } = state;
  const found: string[] = [];
  const claim = (holds: boolean, text: string): void => {
    if (!holds) found.push(text);
  };

  const { self } = state;
  claim(
    self.kind === (membership.isLeaving ? "left" : "alive"),
    "G1: a node is alive to itself until it leaves",
  );
  claim(self.incarnation <= membership.incarnation, "G1: nobody else raises a node's incarnation");

  const seen = new Set<string>();
  const counts = { alive: 0, suspect: 0, dead: 0, left: 0 };
  for (const belief of table.beliefs()) {
    const { node: name, kind, incarnation } = belief;
    counts[kind] += 1;
    claim(!seen.has(name) && table.get(name) === belief, `G2: ${name} is once on the ring and in the table`);
    seen.add(name);
    if (kind === "alive") continue;
    claim(incarnation >= belief.claim.incarnation, `G3: ${name} is known at least as new as it claims`);
    if (kind !== "suspect") continue;
    const { terms, startedMs, deadlineMs } = belief.suspicion;
    claim(deadlineMs < Infinity, `G4: ${name} is suspect while a suspicion runs`);
    const lastedMs = deadlineMs - startedMs;
    claim(lastedMs >= terms.minMs - 1e-6, `G5: ${name} has the shortest suspicion at least`);
    claim(
      lastedMs <= Math.max(terms.minMs, terms.maxMs) + 1e-6,
      `G5: ${name} has the longest suspicion at most`,
    );
    claim(deadlineMs > state.nowMs && wakeAtMs <= deadlineMs, `G5: the verdict on ${name} falls in time`);
  }
  claim(seen.size === table.size, "G2: every known node is on the ring");
  for (const key of ["alive", "suspect", "dead", "left"] as const) {
    claim(counts[key] === table.counts[key], `G2: ${key} nodes are counted`);
  }
  claim(table.size <= options.nodesMax, "G2: the table is bounded");

  const names = new Set<string>();
  const transmitsMax = retransmitLimit(options.retransmitMult, options.nodesMax);
  for (const { name, transmits } of news.queue.view()) {
    claim(
      name !== undefined && !names.has(name),
      `G6: one piece of news about ${name ?? "a node"} is queued`,
    );
    if (name !== undefined) names.add(name);
    claim(transmits < transmitsMax, `G6: news about ${name ?? "a node"} is sent a limited number of times`);
  }
  const { score } = state.awareness;
  claim(score >= 0 && score < options.awarenessMultiplierMax, "G8: the health score is within its bounds");
  claim(wakeAtMs > state.nowMs, "G9: what is due has been done");
  claim(isGone(self) === membership.isLeaving, "G1: who left is gone");
  return found;
}
