/** The part of an agent below its local services and its doors: pools, servers, and the way to them. */
import type { Config } from "../config/config.ts";
import type { Consensus } from "../lib/consensus.ts";
import type { SnapshotService } from "../rpc/service.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import type { AgentPools } from "./agent-host.ts";

/** A server's or a client's core; the same to everything above. */
export interface AgentCore {
  readonly rpc: Rpc;
  readonly snapshots: SnapshotService;
  readonly pools: AgentPools;
  /** Servers only. */
  readonly consensus: Consensus | undefined;
  /** Servers that calls can go to. */
  knownServers(): number;
  /** Takes over what a reload may change: limits and timeouts of calls, when snapshots are taken. */
  reload(config: Config): void;
  /** Leaves the cluster for good; `close` comes after it. Never rejects. */
  leave(): Promise<void>;
  close(): Promise<void>;
}
