import { settingAt, type SettingTree, type SettingValue } from "./settings.ts";

/** Keys of the Enterprise edition, as the warning names them, and when the warning is due. */
const enterpriseKeys: readonly (readonly [path: string, label: string, due: "set" | "filled"])[] = [
  ["read_replica", "read_replica (or the deprecated non_voting_server)", "set"],
  ["segment", "segment", "filled"],
  ["segments", "segments", "filled"],
  ["partition", "partition", "filled"],
  ["autopilot.redundancy_zone_tag", "autopilot.redundancy_zone_tag", "filled"],
  ["autopilot.upgrade_version_tag", "autopilot.upgrade_version_tag", "filled"],
  ["autopilot.disable_upgrade_migration", "autopilot.disable_upgrade_migration", "set"],
  ["dns_config.prefer_namespace", "dns_config.prefer_namespace", "set"],
  ["acl.msp_disable_bootstrap", "acl.msp_disable_bootstrap", "set"],
  ["acl.tokens.managed_service_provider", "acl.tokens.managed_service_provider", "filled"],
  ["audit", "audit", "filled"],
  ["license_path", "license_path", "set"],
  ["reporting.license.enabled", "reporting.license.enabled", "set"],
];

function isFilled(value: SettingValue): boolean {
  if (typeof value === "string" || Array.isArray(value)) return value.length > 0;
  return true;
}

/** An audit stanza that does nothing is not worth a warning. */
function isAuditOn(tree: SettingTree): boolean {
  const sinks = settingAt(tree, "audit.sink") ?? {};
  return settingAt(tree, "audit.enabled") === true || Object.keys(sinks).length > 0;
}

/** Warnings for keys of one source that only the Enterprise edition acts on. Texts are the reference's. */
export function enterpriseWarnings(tree: SettingTree): readonly string[] {
  const warnings: string[] = [];
  for (const [path, label, due] of enterpriseKeys) {
    const value = settingAt(tree, path);
    if (value === undefined || (due === "filled" && !isFilled(value))) continue;
    if (path === "audit" && !isAuditOn(tree)) continue;
    warnings.push(`"${label}" is a Consul Enterprise configuration and will have no effect`);
  }
  return warnings;
}
