/** Settings that hold before anyone says otherwise, and the development preset. */
import { allKeys } from "./keys.ts";
import { withSetting, type SettingTree, type SettingValue } from "./settings.ts";

/** Defaults of every key that has one, from the key tables. */
export function defaultSettings(): SettingTree {
  let tree: SettingTree = {};
  for (const key of allKeys) {
    if (key.defaultValue !== undefined) tree = withSetting(tree, key.path, key.defaultValue as SettingValue);
  }
  return tree;
}

/** Values that a file cannot change: the program's own. */
export function internalSettings(): SettingTree {
  let tree: SettingTree = {};
  for (const key of allKeys) {
    const isOurs = key.reload === "internal" && key.path !== "segment_limit";
    if (isOurs && key.defaultValue !== undefined) {
      tree = withSetting(tree, key.path, key.defaultValue as SettingValue);
    }
  }
  return tree;
}

const devGossip: SettingTree = {
  gossip_interval: "100ms",
  probe_interval: "100ms",
  probe_timeout: "100ms",
  suspicion_mult: 3,
};

/** What `-dev` changes in the defaults; files and flags come after it. Source: agent/config/default.go. */
export const devSettings: SettingTree = {
  bind_addr: "127.0.0.1",
  disable_anonymous_signature: true,
  disable_keyring_file: true,
  enable_debug: true,
  ui_config: { enabled: true },
  log_level: "DEBUG",
  server: true,
  gossip_lan: devGossip,
  gossip_wan: devGossip,
  connect: { enabled: true },
  peering: { enabled: true },
  performance: { raft_multiplier: 1 },
  ports: { grpc: 8502 },
  experiments: ["resource-apis"],
};

/** What `-dev` sets after everything else: quick elections of a server alone on a machine. */
export const devInternalSettings: SettingTree = {
  consul: {
    coordinate: { update_period: "100ms" },
    raft: { election_timeout: "52ms", heartbeat_timeout: "35ms", leader_lease_timeout: "20ms" },
    server: { health_interval: "10ms" },
  },
};
