/** What a server is built from. */
import type { Config } from "../config/config.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { MemberPool } from "../lib/members.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Rng } from "../lib/rng.ts";
import type { StateMachine } from "../lib/consensus.ts";
import type { Rules } from "../raft/core/rules.ts";
import type { LogStore } from "../raft/node/log-store.ts";
import type { SnapshotStore } from "../raft/node/snapshot-store.ts";
import type { Transport } from "../raft/node/transport.ts";
import type { Forwarder } from "../server/forward.ts";
import type { GossipDoors } from "../server/gossip.ts";
import type { WideAreaPool } from "../server/datacenter-maps.ts";
import type { RemoteQuery } from "../server/query-datacenters.ts";
import type { StateStore } from "../state/store.ts";
import type { ServerInfo } from "../wire/gossip/agent-tags.ts";
import type { Allegiance } from "../server/autopilot.ts";
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
  /** In place of this machine; for the simulator. */
  readonly host?: ServerHost;
  /** Consensus cannot go on: the disk refuses, or a bug. */
  failed(error: unknown): void;
}

/** What a server otherwise takes from the machine that it runs on, and where a simulator looks in. */
export interface ServerHost {
  /** In place of those in the data directory. */
  readonly stores: { readonly store: LogStore; readonly snapshots: SnapshotStore };
  /** As `afterIo`. */
  defer(run: () => void): void;
  /** As `systemUuid`. */
  uuid(): string;
  /** The state machine as consensus shall see it. */
  watch(machine: StateMachine, store: StateStore): StateMachine;
  /** The pool as the leader's duties and autopilot shall see it. */
  pool(pool: MemberPool): MemberPool;
  /** The rules of Raft, with one broken on purpose. */
  readonly raftRules?: Rules;
}

/** What a server does with the others. */
export interface ServerCluster {
  readonly pool: MemberPool;
  /** Calls Status.RaftStats of another server. */
  raftStats(server: ServerInfo): Promise<RaftStats>;
  /** Calls Status.Leader and Status.Peers of another server. */
  allegianceOf(server: ServerInfo): Promise<Allegiance>;
  /** Tells the pools that a failed node has left. */
  forceLeave(nodeName: string): Promise<void>;
  /** Sends the user event of a new leader. */
  announceLeader(): void;
  /** Absent where there is no wide-area pool. */
  readonly wan?: WideAreaPool;
  /** Runs a prepared query at a server of another datacenter. */
  readonly remoteQuery?: RemoteQuery;
  /** How Raft reaches the others. */
  readonly transport: Transport;
  /** How calls reach the leader. */
  readonly forwarder: Forwarder;
  /** Where user events are spread, and whose keys are changed. */
  readonly gossip: GossipDoors;
}
