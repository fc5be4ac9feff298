/** What the agent's HTTP interface can learn from and ask of the process around it. */
import { arch, cpus, platform } from "node:os";
import type { AgentHost, AgentMember } from "../agent/settings.ts";
import type { Config } from "../config/config.ts";
import type { GossipNode } from "../gossip/node/gossip-node.ts";
import type { ConsensusStatus } from "../lib/consensus.ts";
import { ProconsulError } from "../lib/errors.ts";
import { memberStatuses, type Member } from "../lib/members.ts";
import { serverMembers } from "../server/known-servers.ts";
import { clientSection, raftSection, serverSection, type StatsSection } from "../server/stats-sections.ts";
import { hostInfo } from "../runtime/host-info.ts";
import { processUsage } from "../runtime/system-facts.ts";
import type { JsonObject } from "../wire/schema/codec.ts";
import { forceLeave } from "./force-leave.ts";

/** The pools that an agent is in. */
export interface AgentPools {
  readonly lan: GossipNode;
  /** Servers only. */
  readonly wan: GossipNode | undefined;
}

export interface AgentHostParts {
  readonly config: Config;
  readonly nodeId: string;
  readonly version: string;
  readonly pools: AgentPools;
  /** A server's place in the consensus; absent on clients. */
  readonly consensus?: () => ConsensusStatus;
  /** How many servers a client knows. */
  readonly knownServers: () => number;
  readonly debugConfig: JsonObject;
  leave(): Promise<void>;
  reload(): Promise<void>;
}

/** A refusal whose text is public. */
export class HostError extends ProconsulError {
  readonly code = "agent-host";
}

export function createAgentHost(parts: AgentHostParts): AgentHost {
  const { config, pools } = parts;
  return {
    members: ({ wan }) => (wan ? (pools.wan?.members() ?? []) : pools.lan.members()).map(shownMember),
    join: async (address, { wan }) => {
      await poolOf(pools, wan).join([address], true);
    },
    forceLeave: (name, { wan, prune }) =>
      forceLeave(pools, { name, datacenter: config.datacenter, wanOnly: wan, prune }),
    leave: () => parts.leave(),
    reload: () => parts.reload(),
    stats: () => stats(parts),
    debugConfig: () => parts.debugConfig,
    coordinate: () => {
      const coordinate = config.coordinates ? pools.lan.coordinate() : undefined;
      return coordinate === undefined ? null : shownCoordinate(coordinate);
    },
    hostInfo,
    xds: () => null,
  };
}

function poolOf(pools: AgentPools, wan: boolean): GossipNode {
  const pool = wan ? pools.wan : pools.lan;
  if (pool === undefined) throw new HostError("Must be a server to join WAN cluster");
  return pool;
}

/** A member as the HTTP API shows it. */
export function shownMember(member: Member): AgentMember {
  return {
    Name: member.name,
    Addr: member.address,
    Port: member.port,
    Tags: member.tags,
    Status: memberStatuses.indexOf(member.status),
    ProtocolMin: member.protocolMin,
    ProtocolMax: member.protocolMax,
    ProtocolCur: member.protocolCur,
    DelegateMin: member.delegateMin,
    DelegateMax: member.delegateMax,
    DelegateCur: member.delegateCur,
  };
}

function shownCoordinate(coordinate: NonNullable<ReturnType<GossipNode["coordinate"]>>): JsonObject {
  return {
    Vec: [...coordinate.Vec],
    Error: coordinate.Error,
    Adjustment: coordinate.Adjustment,
    Height: coordinate.Height,
  };
}

function stats({
  config,
  nodeId,
  version,
  pools,
  consensus,
  knownServers,
}: AgentHostParts): Readonly<Record<string, StatsSection>> {
  const raft = consensus?.();
  const aclEnabled = config.acl.enabled;
  const { bootstrap } = config;
  const own =
    raft === undefined
      ? { consul: clientSection({ aclEnabled, knownServers: knownServers() }) }
      : {
          consul: serverSection(raft, { aclEnabled, bootstrap, knownDatacenters: datacenterCount(pools) }),
          raft: raftSection(raft, nodeId),
        };
  return {
    agent: { check_monitors: "0", check_ttls: "0", checks: "0", services: "0" },
    build: { prerelease: "", revision: "", version, version_metadata: "" },
    ...own,
    runtime: runtimeSection(),
    serf_lan: pools.lan.stats(),
    ...(pools.wan === undefined ? {} : { serf_wan: pools.wan.stats() }),
  };
}

/** Datacenters that have a server in the wide-area pool; this one at least. */
function datacenterCount({ wan }: AgentPools): number {
  const servers = wan === undefined ? [] : serverMembers(wan);
  const present = servers.filter(({ member }) => member.status !== "left");
  return Math.max(1, new Set(present.map(({ info }) => info.datacenter)).size);
}

/** Architectures by Go's names, where they differ. */
const goArchitectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

function runtimeSection(): StatsSection {
  const cpuCount = String(cpus().length);
  return {
    arch: goArchitectures[arch()] ?? arch(),
    cpu_count: cpuCount,
    // As the metric of the like name.
    goroutines: String(processUsage().openResources),
    max_procs: cpuCount,
    os: platform(),
    version: runtimeVersion(),
  };
}

function runtimeVersion(): string {
  return process.versions.bun === undefined ? `node ${process.versions.node}` : `bun ${process.versions.bun}`;
}
