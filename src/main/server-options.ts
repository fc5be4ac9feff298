/** What a server is built from. */
import type { Config } from "../config/config.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { MemberPool } from "../lib/members.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Rng } from "../lib/rng.ts";
import type { Transport } from "../raft/node/transport.ts";
import type { Forwarder } from "../server/forward.ts";
import type { GossipDoors } from "../server/gossip.ts";
import type { WideAreaPool } from "../server/datacenter-maps.ts";
import type { ServerInfo } from "../wire/gossip/agent-tags.ts";
import type { RaftStats } from "../wire/rpc/status-methods.ts";

export interface ServerParts {
  readonly config: Config;
  readonly nodeId: string;
  readonly version: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The pools and the other servers; without it this server is alone. */
  readonly cluster?: ServerCluster;
  /** Consensus cannot go on: the disk refuses, or a bug. */
  failed(error: unknown): void;
}

/** What a server does with the others. */
export interface ServerCluster {
  readonly pool: MemberPool;
  /** Calls Status.RaftStats of another server. */
  raftStats(server: ServerInfo): Promise<RaftStats>;
  /** Tells the pools that a failed node has left. */
  forceLeave(nodeName: string): Promise<void>;
  /** Sends the user event of a new leader. */
  announceLeader(): void;
  /** Absent where there is no wide-area pool. */
  readonly wan?: WideAreaPool;
  /** How Raft reaches the others. */
  readonly transport: Transport;
  /** How calls reach the leader. */
  readonly forwarder: Forwarder;
  /** Where user events are spread, and whose keys are changed. */
  readonly gossip: GossipDoors;
}
