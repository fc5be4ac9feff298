/** What the agent's HTTP interface can learn from and ask of the process around it. */
import { arch, cpus, platform } from "node:os";
import type { AgentHost, AgentMember } from "../agent/settings.ts";
import type { Config } from "../config/config.ts";
import type { Consensus } from "../lib/consensus.ts";
import { hostInfo } from "../runtime/system-facts.ts";
import type { JsonObject } from "../wire/schema/codec.ts";

export interface AgentHostParts {
  readonly config: Config;
  readonly nodeId: string;
  readonly version: string;
  readonly consensus: Consensus;
  readonly debugConfig: JsonObject;
  leave(): Promise<void>;
  reload(): Promise<void>;
}

/** Version numbers of the gossip protocols that the reference speaks. */
const gossipVersions = {
  ProtocolMin: 1,
  ProtocolMax: 5,
  ProtocolCur: 2,
  DelegateMin: 2,
  DelegateMax: 5,
  DelegateCur: 4,
} as const;

/** Builds the host of a single server: it is its own only member until gossip comes. */
export function createAgentHost(parts: AgentHostParts): AgentHost {
  const { config } = parts;
  const member = ownMember(parts);
  return {
    members: ({ wan }) => [
      wan ? { ...member, Name: `${member.Name}.${config.datacenter}`, Port: wanPort(config) } : member,
    ],
    join: (address) =>
      Promise.reject(new Error(`cannot join ${address}: this version runs as a single server`)),
    // A member that is alive refutes; so for this node, the only one, nothing happens.
    forceLeave: (node) =>
      node === config.nodeName || node === `${config.nodeName}.${config.datacenter}`
        ? Promise.resolve()
        : Promise.reject(new Error(`agent: No node found with name '${node}'`)),
    leave: () => parts.leave(),
    reload: () => parts.reload(),
    stats: () => stats(parts),
    debugConfig: () => parts.debugConfig,
    coordinate: () => ({ Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 1e-5 }),
    hostInfo: () => hostInfo(config.dataDir ?? "/"),
    xds: () => null,
  };
}

function wanPort(config: Config): number {
  return config.addresses.serfWanAdvertise?.port ?? config.ports.serfLan;
}

function ownMember({ config, nodeId, version }: AgentHostParts): AgentMember {
  const { addresses, ports } = config;
  return {
    Name: config.nodeName,
    Addr: addresses.advertiseLan,
    Port: addresses.serfLanAdvertise.port,
    Tags: {
      acls: config.acl.enabled ? "1" : "0",
      ...(config.bootstrap ? { bootstrap: "1" } : {}),
      build: `${version}:`,
      dc: config.datacenter,
      ft_fs: "1",
      ft_si: "1",
      id: nodeId,
      port: String(ports.server),
      raft_vsn: String(config.raft.protocol),
      role: "consul",
      segment: "",
      vsn: "2",
      vsn_max: "3",
      vsn_min: "2",
      ...(ports.serfWan === undefined ? {} : { wan_join_port: String(ports.serfWan) }),
    },
    Status: 1,
    ...gossipVersions,
  };
}

function stats({
  config,
  version,
  consensus,
}: AgentHostParts): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const raft = consensus.status();
  const leading = raft.role === "leader";
  return {
    agent: { check_monitors: "0", check_ttls: "0", checks: "0", services: "0" },
    build: { prerelease: "", revision: "", version, version_metadata: "" },
    consul: {
      acl: config.acl.enabled ? "enabled" : "disabled",
      bootstrap: String(config.bootstrap),
      known_datacenters: "1",
      leader: String(leading),
      leader_addr: raft.leaderAddress ?? "",
      server: String(config.server),
    },
    raft: {
      applied_index: String(raft.appliedIndex),
      commit_index: String(raft.commitIndex),
      fsm_pending: "0",
      last_contact: leading ? "0" : raft.lastContactMs === undefined ? "never" : `${raft.lastContactMs}ms`,
      last_log_index: String(raft.lastIndex),
      last_log_term: String(raft.lastTerm),
      last_snapshot_index: String(raft.lastSnapshotIndex),
      last_snapshot_term: String(raft.lastSnapshotTerm),
      latest_configuration_index: String(raft.configurationIndex),
      num_peers: String(Math.max(0, raft.servers.length - 1)),
      protocol_version: "3",
      protocol_version_max: "3",
      protocol_version_min: "0",
      snapshot_version_max: "1",
      snapshot_version_min: "0",
      state: raft.role === "leader" ? "Leader" : raft.role === "candidate" ? "Candidate" : "Follower",
      term: String(raft.term),
    },
    runtime: { arch: arch(), cpu_count: String(cpus().length), os: platform(), version: runtimeVersion() },
    serf_lan: gossipStats(),
    serf_wan: gossipStats(),
  };
}

function runtimeVersion(): string {
  return process.versions.bun === undefined ? `node ${process.versions.node}` : `bun ${process.versions.bun}`;
}

function gossipStats(): Readonly<Record<string, string>> {
  return {
    coordinate_resets: "0",
    encrypted: "false",
    event_queue: "0",
    event_time: "1",
    failed: "0",
    health_score: "0",
    intent_queue: "0",
    left: "0",
    member_time: "1",
    members: "1",
    query_queue: "0",
    query_time: "1",
  };
}
