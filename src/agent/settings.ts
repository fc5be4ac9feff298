/** What the agent must be told: who it is, how it behaves, and what the process around it can do. */
import type { CheckDefinition, ServiceDefinition } from "../config/definitions.ts";
import type { JsonObject } from "../wire/schema/codec.ts";
import type { Rate } from "./rate-limit.ts";

/** How checks behave. Times in milliseconds. */
export interface CheckSettings {
  readonly outputBytesMax: number;
  /** How long a change of output alone may wait before it is synced; 0: at once. */
  readonly updateIntervalMs: number;
  readonly discardOutput: boolean;
  /** Script checks sent over HTTP. */
  readonly enableRemoteScripts: boolean;
  /** Script checks from configuration files. */
  readonly enableLocalScripts: boolean;
  readonly deregisterMinMs: number;
  readonly reapIntervalMs: number;
}

/** Services and checks from configuration files. */
export interface AgentDefinitions {
  readonly services: readonly ServiceDefinition[];
  readonly checks: readonly CheckDefinition[];
}

/** What a reload may change of an agent. */
export interface AgentReload extends AgentDefinitions {
  /** Configured metadata of the node; absent: as it was. */
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /** Drops the output of checks from the next result on; absent: as it was. */
  readonly discardOutput?: boolean;
}

/** The agent's part of the configuration. */
export interface AgentSettings {
  readonly nodeName: string;
  readonly nodeId: string;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  readonly server: boolean;
  /** The release whose behaviour is offered. */
  readonly version: string;
  readonly revision: string;
  /** RFC 3339. */
  readonly buildDate: string;
  readonly advertiseAddress: string;
  /** `lan`, `lan_ipv4`, `wan`, `wan_ipv4`. */
  readonly taggedAddresses: Readonly<Record<string, string>>;
  /** Configured metadata; the agent adds its own `consul-` keys. */
  readonly nodeMeta: Readonly<Record<string, string>>;
  /** Time between full syncs, before the random part. */
  readonly syncIntervalMs: number;
  readonly checks: CheckSettings;
  /** Range of automatic sidecar ports; `undefined`: none are given out. */
  readonly sidecarPorts: { readonly min: number; readonly max: number } | undefined;
  readonly definitions: AgentDefinitions;
  readonly aclEnabled: boolean;
  /** Whether `?format=prometheus` answers. */
  readonly prometheus: boolean;
  /** How often one entry of the cache may be fetched. */
  readonly cacheRate: Rate;
}

/** A member of a gossip pool as the HTTP API shows it. Status: 1 alive, 2 leaving, 3 left, 4 failed. */
export interface AgentMember {
  readonly Name: string;
  readonly Addr: string;
  readonly Port: number;
  readonly Tags: Readonly<Record<string, string>>;
  readonly Status: number;
  readonly ProtocolMin: number;
  readonly ProtocolMax: number;
  readonly ProtocolCur: number;
  readonly DelegateMin: number;
  readonly DelegateMax: number;
  readonly DelegateCur: number;
}

/** Which gossip pool is meant. */
export interface PoolChoice {
  readonly wan: boolean;
}

/** What the agent's HTTP interface asks of the process around it. Failures reject with the public text. */
export interface AgentHost {
  members(pool: PoolChoice): readonly AgentMember[];
  /** Joins through one address. */
  join(address: string, pool: PoolChoice): Promise<void>;
  forceLeave(nodeName: string, options: PoolChoice & { readonly prune: boolean }): Promise<void>;
  /** Leaves gracefully and shuts down; answers before the process ends. */
  leave(): Promise<void>;
  /** Reads the configuration again; rejects when it is not valid. */
  reload(): Promise<void>;
  /** Sections such as `consul`, `raft`, `serf_lan`, `runtime`, each a list of texts. */
  stats(): Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The configuration without its secrets. */
  debugConfig(): JsonObject;
  /** Network coordinate of this node, or `null`. */
  coordinate(): JsonObject | null;
  /** Memory, CPU, Host, Disk, CollectionTime, Errors. */
  hostInfo(): JsonObject;
  /** The `xDS` member of `self`, or `null` without a mesh. */
  xds(): JsonObject | null;
}

/** Where log lines can be followed. */
export interface LogSource {
  /** Calls `fn` with each rendered line (with its line end) from `level` on, until disposed. */
  subscribe(
    options: { readonly level: string; readonly json: boolean },
    fn: (line: string) => void,
  ): Disposable;
}
