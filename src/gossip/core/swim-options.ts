/**
 * The knobs of SWIM, one row each: default, range, and what goes wrong outside it.
 *
 * Source: protocol reference, gossip-memberlist section 7; the default column is that of a Consul LAN pool.
 */
import type { VersionVector } from "../../wire/gossip/messages.ts";

/** A complete, checked set. See `swimOptionTable` for the meaning of each. */
export interface SwimOptions {
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly indirectChecks: number;
  readonly streamPings: boolean;
  readonly awarenessMultiplierMax: number;
  readonly suspicionMult: number;
  readonly suspicionTimeoutMultMax: number;
  readonly gossipIntervalMs: number;
  readonly gossipNodes: number;
  readonly gossipToTheDeadMs: number;
  readonly retransmitMult: number;
  readonly pushPullIntervalMs: number;
  readonly streamTimeoutMs: number;
  /** Undefined: the address of a dead node is never given away. */
  readonly deadNodeReclaimMs: number | undefined;
  readonly udpBufferBytes: number;
  readonly packetOverheadBytes: number;
  readonly nodesMax: number;
  readonly relaysMax: number;
  readonly vsn: VersionVector;
}

type NumberKey = {
  [Key in keyof SwimOptions]: SwimOptions[Key] extends number ? Key : never;
}[keyof SwimOptions];

/** One row of the table. */
export interface SwimOptionRow {
  readonly value: number;
  /** Both inclusive. */
  readonly min: number;
  readonly max: number;
  readonly help: string;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Every option that is a number, with its default, range and help. */
export const swimOptionTable: { readonly [Key in NumberKey]: SwimOptionRow } = {
  probeIntervalMs: {
    value: 1_000,
    min: 0,
    max: dayMs,
    help: "One node is probed per interval. Shorter finds failures sooner and costs more packets. 0: none ever is.",
  },
  probeTimeoutMs: {
    value: 500,
    min: 0,
    max: dayMs,
    help: "How long a direct probe may take before others are asked; the slowest usual round trip. Never over the interval.",
  },
  indirectChecks: {
    value: 3,
    min: 0,
    max: 64,
    help: "How many others are asked to probe for us. More finds a way round lossy links.",
  },
  awarenessMultiplierMax: {
    value: 8,
    min: 1,
    max: 64,
    help: "A node that doubts itself probes up to this many times more slowly. 1 turns that off.",
  },
  suspicionMult: {
    value: 4,
    min: 0,
    max: 1_000,
    help: "Shortest suspicion: this × log10(n) × probe interval. Smaller buries the slow, larger keeps the dead.",
  },
  suspicionTimeoutMultMax: {
    value: 6,
    min: 1,
    max: 64,
    help: "Longest suspicion as a multiple of the shortest: for an accuser whom nobody confirms.",
  },
  gossipIntervalMs: {
    value: 200,
    min: 0,
    max: dayMs,
    help: "Time between rounds of gossip. Shorter spreads news sooner and costs more packets. 0: no rounds.",
  },
  gossipNodes: { value: 3, min: 0, max: 1_000, help: "How many nodes hear us in one round of gossip." },
  gossipToTheDeadMs: {
    value: 30_000,
    min: 0,
    max: dayMs,
    help: "How long a dead node is still told news, so that it can refute, and how long it is remembered.",
  },
  retransmitMult: {
    value: 4,
    min: 0,
    max: 1_000,
    help: "A piece of news is sent this × ceil(log10(n + 1)) times by each node, but once at least.",
  },
  pushPullIntervalMs: {
    value: 30_000,
    min: 10,
    max: hourMs,
    help: "Time between full exchanges with a random node, which repair what gossip missed; longer above 32 nodes.",
  },
  streamTimeoutMs: { value: 10_000, min: 10, max: hourMs, help: "Limit of a full exchange." },
  udpBufferBytes: {
    value: 1_400,
    min: 512,
    max: 65_507,
    help: "Largest packet. Above the path's MTU packets are split or lost.",
  },
  packetOverheadBytes: {
    value: 0,
    min: 0,
    max: 400,
    help: "Bytes of each packet that encryption and labels take: 29 with a key, 0 without.",
  },
  nodesMax: {
    value: 100_000,
    min: 1,
    max: 10_000_000,
    help: "Nodes beyond this many are not remembered, so that a hostile peer cannot fill the memory.",
  },
  relaysMax: {
    value: 4_096,
    min: 1,
    max: 1_000_000,
    help: "Probes on behalf of others under way at once; further ones are dropped.",
  },
};

const numbers = Object.fromEntries(
  Object.entries(swimOptionTable).map(([key, row]) => [key, row.value]),
) as unknown as Pick<SwimOptions, NumberKey>;

/** memberlist 1…5 speaking 2, serf 2…5 speaking 4: what Consul sends. */
export const consulVersions: VersionVector = Object.freeze([1, 5, 2, 2, 5, 4]);

/** A pool inside a datacenter, as Consul sets it. */
export const consulLanOptions: SwimOptions = Object.freeze({
  ...numbers,
  streamPings: true,
  deadNodeReclaimMs: 30_000,
  vsn: consulVersions,
});

/** A pool of servers across datacenters, as Consul sets it: it keeps the number of gossip nodes of the LAN. */
export const consulWanOptions: SwimOptions = Object.freeze({
  ...consulLanOptions,
  streamTimeoutMs: 30_000,
  suspicionMult: 6,
  pushPullIntervalMs: 60_000,
  probeTimeoutMs: 3_000,
  probeIntervalMs: 5_000,
  gossipIntervalMs: 500,
  gossipToTheDeadMs: 60_000,
});

const devTimes = {
  suspicionMult: 3,
  probeTimeoutMs: 100,
  probeIntervalMs: 100,
  gossipIntervalMs: 100,
} as const;

/** `-dev`: small and quick, on one machine. */
export const consulDevLanOptions: SwimOptions = Object.freeze({ ...consulLanOptions, ...devTimes });
/** `-dev`, the pool of servers. */
export const consulDevWanOptions: SwimOptions = Object.freeze({ ...consulWanOptions, ...devTimes });

/** The library's own defaults for a LAN, for peers that are not Consul. */
export const lanOptions: SwimOptions = Object.freeze({ ...consulLanOptions, deadNodeReclaimMs: undefined });
/** The library's own defaults for a WAN. */
export const wanOptions: SwimOptions = Object.freeze({
  ...consulWanOptions,
  gossipNodes: 4,
  deadNodeReclaimMs: undefined,
});
/** The library's own defaults for the loopback. */
export const localOptions: SwimOptions = Object.freeze({
  ...lanOptions,
  streamTimeoutMs: 1_000,
  indirectChecks: 1,
  retransmitMult: 2,
  suspicionMult: 3,
  pushPullIntervalMs: 15_000,
  probeTimeoutMs: 200,
  gossipIntervalMs: 100,
  gossipToTheDeadMs: 15_000,
});

/** What an operator may set. */
export type SwimTuning = Pick<
  SwimOptions,
  | "gossipIntervalMs"
  | "gossipNodes"
  | "probeIntervalMs"
  | "probeTimeoutMs"
  | "suspicionMult"
  | "retransmitMult"
>;

/** The nearest that the options can be: whole, rounded up, within their ranges. The reference takes all it is told. */
export function fitSwimTuning(tuning: SwimTuning): SwimTuning {
  const fit = (key: keyof SwimTuning): number => {
    const { min, max } = swimOptionTable[key];
    return Math.min(Math.max(Math.ceil(tuning[key]), min), max);
  };
  return {
    gossipIntervalMs: fit("gossipIntervalMs"),
    gossipNodes: fit("gossipNodes"),
    probeIntervalMs: fit("probeIntervalMs"),
    probeTimeoutMs: fit("probeTimeoutMs"),
    suspicionMult: fit("suspicionMult"),
    retransmitMult: fit("retransmitMult"),
  };
}

/** Every problem of a set of options, one sentence each; empty when it is sound. */
export function checkSwimOptions(options: SwimOptions): readonly string[] {
  const problems: string[] = [];
  for (const key of Object.keys(swimOptionTable) as NumberKey[]) {
    const { min, max } = swimOptionTable[key];
    const value = options[key];
    if (!Number.isSafeInteger(value)) problems.push(`${key} must be a whole number`);
    else if (value < min || value > max) problems.push(`${key} must be between ${min} and ${max}`);
  }
  const reclaimMs = options.deadNodeReclaimMs;
  if (reclaimMs !== undefined && !(reclaimMs > 0))
    problems.push("deadNodeReclaimMs must be positive or absent");
  const [pMin = 0, pMax = 0, pCur = 0, dMin = 0, dMax = 0, dCur = 0] = options.vsn;
  const isSpoken = pMin > 0 && pMin <= pCur && pCur <= pMax && dMin <= dCur && dCur <= dMax;
  if (options.vsn.length !== 6 || !isSpoken || !options.vsn.every((part) => part >= 0 && part <= 255)) {
    problems.push("vsn must be six bytes, each current version within its range");
  }
  return problems;
}
