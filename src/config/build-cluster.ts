/** The parts of the configuration that servers and gossip are made from. */
import type { AutopilotConfig, GossipConfig, GossipPoolConfig, JoinConfig, RaftConfig } from "./config.ts";
import { durationMs, durationMsFrom, expandAddress, limit, type BuildContext } from "./readers.ts";
import { renderProblemList } from "./problems.ts";
import { parseCidr, renderCidr } from "../lib/ip.ts";

const multiplierMax = 10;

/** Raft's timing and snapshots. The multiplier scales timeouts: 1 on a fast network, 5 by default. */
export function buildRaft(context: BuildContext): RaftConfig {
  const { settings, problems } = context;
  const multiplier = settings.number("performance.raft_multiplier") ?? 5;
  if (multiplier < 1 || multiplier > multiplierMax) {
    problems.stop(
      `performance.raft_multiplier cannot be ${multiplier}. Must be between 1 and ${multiplierMax}`,
    );
  }
  const protocol = settings.number("raft_protocol") ?? 3;
  if (protocol !== 3) {
    problems.stop(`raft_protocol version ${protocol} is not supported by this version of Consul`);
  }
  return {
    protocol,
    multiplier,
    electionTimeoutMs: durationMs(context, "consul.raft.election_timeout") * multiplier,
    heartbeatTimeoutMs: durationMs(context, "consul.raft.heartbeat_timeout") * multiplier,
    leaderLeaseTimeoutMs: durationMs(context, "consul.raft.leader_lease_timeout") * multiplier,
    snapshotThreshold: settings.number("raft_snapshot_threshold") ?? 0,
    snapshotIntervalMs: durationMs(context, "raft_snapshot_interval"),
    trailingLogs: settings.number("raft_trailing_logs") ?? 0,
  };
}

/** Limits of the log stores that other implementations have; ours takes the keys and ignores them. */
export function checkLogStore({ settings, problems }: BuildContext): void {
  if (!["boltdb", "wal"].includes(settings.text("raft_logstore.backend") ?? "")) {
    problems.stop("raft_logstore.backend must be one of 'boltdb' or 'wal'");
  }
  const segmentMb = settings.number("raft_logstore.wal.segment_size_mb") ?? 0;
  if (segmentMb < 1) problems.stop("raft_logstore.wal.segment_size_mb cannot be less than 1MB");
  if (segmentMb > 1024) {
    problems.stop("raft_logstore.wal.segment_size_mb cannot be greater than 1024 (1GiB)");
  }
}

/** How servers judge each other. */
export function buildAutopilot(context: BuildContext): AutopilotConfig {
  const { settings, problems } = context;
  const maxTrailingLogs = settings.number("autopilot.max_trailing_logs") ?? 0;
  if (maxTrailingLogs < 0) {
    problems.stop(
      `autopilot.max_trailing_logs cannot be ${maxTrailingLogs}. Must be greater than or equal to zero`,
    );
  }
  return {
    cleanupDeadServers: settings.bool("autopilot.cleanup_dead_servers") ?? false,
    lastContactThresholdMs: durationMs(context, "autopilot.last_contact_threshold"),
    maxTrailingLogs,
    minQuorum: settings.number("autopilot.min_quorum") ?? 0,
    serverStabilizationTimeMs: durationMs(context, "autopilot.server_stabilization_time"),
    serverHealthIntervalMs: durationMs(context, "consul.server.health_interval"),
  };
}

function allowedCidrs({ settings, problems }: BuildContext, pool: "lan" | "wan"): readonly string[] {
  const bad: string[] = [];
  const good = settings.strings(`serf_${pool}_allowed_cidrs`).flatMap((text) => {
    const network = parseCidr(text.trim());
    if (network !== undefined) return [renderCidr(network)];
    bad.push(`invalid cidr: ${text}`);
    return [];
  });
  if (bad.length > 0) problems.stop(`serf_${pool}_allowed_cidrs: ${renderProblemList(bad)}`);
  return good;
}

function buildPool(context: BuildContext, pool: "lan" | "wan"): GossipPoolConfig {
  const { settings } = context;
  const reconnectKey = pool === "lan" ? "reconnect_timeout" : "reconnect_timeout_wan";
  const stanza = `gossip_${pool}` as const;
  return {
    gossipIntervalMs: durationMs(context, `${stanza}.gossip_interval`),
    gossipNodes: settings.number(`${stanza}.gossip_nodes`) ?? 0,
    probeIntervalMs: durationMs(context, `${stanza}.probe_interval`),
    probeTimeoutMs: durationMs(context, `${stanza}.probe_timeout`),
    suspicionMult: settings.number(`${stanza}.suspicion_mult`) ?? 0,
    retransmitMult: settings.number(`${stanza}.retransmit_mult`) ?? 0,
    reconnectTimeoutMs: limit(durationMs(context, reconnectKey)),
    allowedCidrs: allowedCidrs(context, pool),
  };
}

/** What Go's base64 decoder says about `key`, or `undefined` if it is base64 with padding. */
function base64Problem(key: string): string | undefined {
  const text = key.replace(/[\r\n]/gu, "");
  const good = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?/u.exec(text)?.[0] ?? "";
  if (good.length === text.length) return undefined;
  const rest = text.slice(good.length);
  const strange = rest.search(/[^A-Za-z0-9+/]/u);
  // A short last group is reported where it begins, a strange byte where it stands.
  return `illegal base64 data at input byte ${good.length + Math.max(strange, 0)}`;
}

/** Both gossip pools and their encryption. */
export function buildGossip(context: BuildContext): GossipConfig {
  const { settings, problems } = context;
  const encryptKey = settings.text("encrypt") ?? "";
  const problem = base64Problem(encryptKey);
  if (problem !== undefined) problems.stop(`encrypt has invalid key: ${problem}`);
  return {
    lan: buildPool(context, "lan"),
    wan: buildPool(context, "wan"),
    encryptKey: encryptKey === "" ? undefined : encryptKey,
    verifyIncoming: settings.bool("encrypt_verify_incoming") ?? true,
    verifyOutgoing: settings.bool("encrypt_verify_outgoing") ?? true,
    keyringFile: settings.bool("disable_keyring_file") !== true,
  };
}

/** Whom to join, and how long to try. */
export function buildJoin(context: BuildContext): JoinConfig {
  const { settings } = context;
  const addresses = (path: "retry_join" | "retry_join_wan"): readonly string[] =>
    settings.strings(path).flatMap((text) => {
      const expanded = expandAddress(context, path, text);
      // What is no template stays whole: the settings of cloud providers hold spaces.
      if (expanded === text) return text === "" ? [] : [text];
      return (expanded ?? "").split(/\s+/u).filter((address) => address !== "");
    });
  return {
    retryLan: addresses("retry_join"),
    retryWan: addresses("retry_join_wan"),
    retryLanIntervalMs: durationMs(context, "retry_interval"),
    retryWanIntervalMs: durationMs(context, "retry_interval_wan"),
    retryLanAttemptsMax: limit(settings.number("retry_max")),
    retryWanAttemptsMax: limit(settings.number("retry_max_wan")),
    rejoinAfterLeave: settings.bool("rejoin_after_leave") ?? false,
    serverRejoinAgeMaxMs: durationMsFrom(context, "server_rejoin_age_max", "6h0m0s"),
  };
}
