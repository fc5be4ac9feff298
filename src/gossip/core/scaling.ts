/**
 * How gossip scales with the number of nodes: the pure arithmetic of timeouts and limits.
 *
 * Source: protocol reference, gossip-memberlist section 6; worked values in its vectors (memberlist.json).
 */

/** How often a message is sent at most: a rumour reaches all of n nodes in λ·log n rounds. 0 for no node at all. */
export function retransmitLimit(retransmitMult: number, nodeCount: number): number {
  return retransmitMult * Math.ceil(Math.log10(nodeCount + 1));
}

/** The shortest time a suspicion lasts. The logarithm counts in thousandths, as the reference's does. */
export function suspicionMinMs(o: {
  readonly suspicionMult: number;
  readonly nodeCount: number;
  readonly probeIntervalMs: number;
}): number {
  const scale = Math.max(1, Math.log10(Math.max(1, o.nodeCount)));
  return (o.suspicionMult * Math.trunc(scale * 1000) * o.probeIntervalMs) / 1000;
}

const pushPullNodes = 32;
const settlingFirstMs = 1_000;
/** After these the time is longer than any usual interval. */
const settlingExchanges = 10;

/** Time between full exchanges: longer with each doubling of the nodes above 32, so that their load stays bounded. */
export function pushPullScaledMs(intervalMs: number, nodeCount: number): number {
  if (nodeCount <= pushPullNodes) return intervalMs;
  return (Math.ceil(Math.log2(nodeCount) - Math.log2(pushPullNodes)) + 1) * intervalMs;
}

/** The least time to the next full exchange after a join and `exchangeCount` more: doubles until it counts no more. */
export function settlingMs(exchangeCount: number): number {
  return exchangeCount < settlingExchanges ? settlingFirstMs * 2 ** exchangeCount : Infinity;
}
