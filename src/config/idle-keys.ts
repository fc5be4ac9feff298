/**
 * Keys that are accepted and checked, and that nothing in this version goes by.
 *
 * An operator should not believe that something is in force which is not: the reference page marks these keys, and an
 * agent that is given one says so when it starts.
 */
import type { Config } from "./config.ts";
import { defaultSettings, devSettings } from "./defaults.ts";
import { allKeys } from "./keys.ts";
import { settingAt, type SettingValue } from "./settings.ts";

/** Paths of keys; one that ends in "." means all keys below it. */
const idlePaths = [
  // Access control.
  "acl.",
  // The mesh, and gRPC, which carries it.
  "connect.",
  "peering.",
  "xds.",
  "ports.grpc",
  "ports.grpc_tls",
  "ports.proxy_min_port",
  "ports.proxy_max_port",
  "ports.expose_min_port",
  "ports.expose_max_port",
  "addresses.grpc",
  "addresses.grpc_tls",
  "tls.grpc.",
  "performance.grpc_keepalive_interval",
  "performance.grpc_keepalive_timeout",
  "auto_encrypt.",
  "auto_config.",
  "config_entries.bootstrap",
  "enable_central_service_config",
  "primary_gateways",
  "primary_gateways_interval",
  // TLS between agents. Files of tls.internal_rpc serve checks.
  "tls.internal_rpc.verify_incoming",
  "tls.internal_rpc.verify_outgoing",
  "tls.internal_rpc.verify_server_hostname",
  "tls.internal_rpc.tls_min_version",
  "tls.internal_rpc.tls_cipher_suites",
  "server_name",
  // The web UI.
  "ui_config.dir",
  "ui_config.metrics_provider",
  "ui_config.metrics_provider_files",
  "ui_config.metrics_provider_options_json",
  "ui_config.metrics_proxy.",
  "ui_config.dashboard_url_templates",
  // Consul's log stores; ours has nothing to set.
  "raft_logstore.",
  // Commands of others are never run.
  "disable_remote_exec",
  "cloud.",
  "reporting.license.enabled",
  // Answers are followed by blocking reads; servers stream to whoever asks.
  "use_streaming_backend",
  "rpc.enable_streaming",
  "experiments",
  "locality.",
  "snapshot_agent",
  "license_path",
  "audit.",
  "partition",
] as const;

/** Whether nothing goes by the key of this path. */
export function isIdleKey(path: string): boolean {
  return (
    idlePaths.some((idle) => (idle.endsWith(".") ? path.startsWith(idle) : path === idle)) ||
    path.startsWith("telemetry.circonus_")
  );
}

/** Whether a value switches something off, which is what it is anyway. */
function isOff(path: string, value: SettingValue): boolean {
  if (path.startsWith("disable_")) return value === true;
  if (typeof value === "number") return value <= 0;
  return (
    value === false || ["", "[]", "{}"].includes(typeof value === "string" ? value : JSON.stringify(value))
  );
}

/** Sentences about what a configuration asks for and does not get. */
export function idleWarnings(config: Config): readonly string[] {
  const warnings: string[] = [];
  const { acl, tls, settings } = config;
  if (acl.enabled) warnings.push("acl.enabled has no effect yet: every request is allowed");
  const { verifyIncoming, verifyOutgoing, verifyServerHostname } = tls.internalRpc;
  if (verifyIncoming || verifyOutgoing || verifyServerHostname) {
    warnings.push(
      "TLS between agents is not there yet: verify_incoming, verify_outgoing and verify_server_hostname have no effect on it, and its connections are not encrypted",
    );
  }
  // Nobody asked for what is set anyway.
  const presets = [defaultSettings(), ...(config.devMode ? [devSettings] : [])];
  const given = allKeys.filter(({ path, reload }) => {
    if (reload === "internal" || !isIdleKey(path) || /[[<]/u.test(path)) return false;
    const value = settingAt(settings.tree, path);
    const isPreset = presets.some((tree) => JSON.stringify(settingAt(tree, path)) === JSON.stringify(value));
    return value !== undefined && !isPreset && !isOff(path, value);
  });
  if (given.length > 0) {
    warnings.push(`keys without effect in this version: ${given.map(({ path }) => path).join(", ")}`);
  }
  return warnings;
}
