/**
 * The knobs of serf. A change of one is felt by the whole pool, so agents of one pool should agree on them.
 *
 * Source: protocol reference, gossip-serf section 7: the values of Consul 1.9…1.16 where they differ from serf's own.
 */

export interface SerfOptions {
  /** How often members that are gone for long are forgotten. */
  readonly reapIntervalMs: number;
  /** How often a failed member is tried again, on average over the pool. */
  readonly reconnectIntervalMs: number;
  /** How long a failed member is remembered. Too small: a long outage looks like a new node. */
  readonly reconnectTimeoutMs: number;
  /** How long a member that left is remembered. Too small: a late message may bring it back. */
  readonly tombstoneTimeoutMs: number;
  /** How long what was said of an unknown node is kept. */
  readonly recentIntentTimeoutMs: number;
  /** Most unknown nodes of which something is kept; beyond it the oldest is dropped. */
  readonly recentIntentsMax: number;
  /** How long a leave waits until it was told often enough. */
  readonly broadcastTimeoutMs: number;
  /** How long a node stays up after its leave, so that all hear of it. */
  readonly leavePropagateDelayMs: number;
  /** A member that comes back sooner than this counts as flapping. */
  readonly flapTimeoutMs: number;
  readonly queueCheckIntervalMs: number;
  /** Longer queues are warned of. */
  readonly queueDepthWarning: number;
  /** Queues may always be this long; in large pools twice the number of members. */
  readonly queueDepthMin: number;
  /** How many logical times of events and of queries are remembered. */
  readonly bufferSlots: number;
  /** Most different events, and queries, of one logical time. */
  readonly perSlotMax: number;
  /** Most queries of this node at once. */
  readonly queriesMax: number;
  /** Factor of the default timeout of a query. */
  readonly queryTimeoutMult: number;
  /** Must be SWIM's: the timeout of queries counts in gossip rounds. */
  readonly gossipIntervalMs: number;
  /** Must be SWIM's: each message is sent this many times the logarithm of the pool. */
  readonly retransmitMult: number;
  /** Largest user event, name and payload, encoded or not. */
  readonly userEventBytesMax: number;
  readonly queryBytesMax: number;
  readonly queryResponseBytesMax: number;
}

/** For pools within a datacenter. */
export const serfLanDefaults: SerfOptions = {
  reapIntervalMs: 15_000,
  reconnectIntervalMs: 30_000,
  reconnectTimeoutMs: 72 * 3_600_000,
  tombstoneTimeoutMs: 24 * 3_600_000,
  recentIntentTimeoutMs: 300_000,
  recentIntentsMax: 65_536,
  broadcastTimeoutMs: 5_000,
  leavePropagateDelayMs: 3_000,
  flapTimeoutMs: 60_000,
  queueCheckIntervalMs: 30_000,
  queueDepthWarning: 1_000_000,
  queueDepthMin: 4_096,
  bufferSlots: 512,
  perSlotMax: 256,
  queriesMax: 1_024,
  queryTimeoutMult: 16,
  gossipIntervalMs: 200,
  retransmitMult: 4,
  userEventBytesMax: 512,
  queryBytesMax: 1_024,
  queryResponseBytesMax: 1_024,
};

/** For the pool of servers across datacenters. */
export const serfWanDefaults: SerfOptions = { ...serfLanDefaults, gossipIntervalMs: 500 };

/** A user event beyond this is refused whatever the options say. */
export const userEventBytesLimit = 9 * 1024;

/** With a gossip interval of 0 SWIM has no rounds, and queries no time. */
const mayBeZero: ReadonlySet<string> = new Set<keyof SerfOptions>([
  "leavePropagateDelayMs",
  "flapTimeoutMs",
  "gossipIntervalMs",
  "retransmitMult",
]);

/** What is wrong with the options; empty if nothing is. */
export function checkSerfOptions(options: SerfOptions): readonly string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(options) as readonly [string, number][]) {
    const min = mayBeZero.has(name) ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < min)
      problems.push(`${name} must be a whole number of at least ${min}, not ${value}`);
  }
  if (options.userEventBytesMax > userEventBytesLimit)
    problems.push(`user event size limit exceeds limit of ${userEventBytesLimit} bytes`);
  return problems;
}
