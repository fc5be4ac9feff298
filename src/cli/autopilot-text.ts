/** Autopilot's state as a page of text, in the reference's layout. */
import {
  boolField,
  numberField,
  textField,
  textListField,
  textMapField,
  toRecord,
  type JsonRecord,
} from "../client/shape.ts";

function indented(indent: number, values: readonly string[]): readonly string[] {
  return values.map((value) => " ".repeat(indent) + value);
}

/** A titled list; nothing at all for an empty one. */
function listUnlessEmpty(title: string, indent: number, values: readonly string[]): readonly string[] {
  if (values.length === 0) return [];
  return [" ".repeat(indent) + title, ...indented(indent + 3, values)];
}

function serverLines(server: JsonRecord): readonly string[] {
  const field = (label: string, value: string | number | boolean): string =>
    `      ${`${label}:`.padEnd(16)} ${value}`;
  const unlessEmpty = (label: string, value: string): readonly string[] =>
    value === "" ? [] : [field(label, value)];
  const meta = textMapField(server, "Meta");
  const keys = Object.keys(meta).sort();
  const metaLines = keys.map((key) => `         ${JSON.stringify(key)}: ${JSON.stringify(meta[key])}`);
  return [
    `   ${textField(server, "ID")}`,
    field("Name", textField(server, "Name")),
    field("Address", textField(server, "Address")),
    field("Version", textField(server, "Version")),
    field("Status", textField(server, "Status")),
    field("Node Type", textField(server, "NodeType")),
    field("Node Status", textField(server, "NodeStatus")),
    field("Healthy", boolField(server, "Healthy")),
    field("Last Contact", textField(server, "LastContact")),
    field("Last Term", numberField(server, "LastTerm")),
    field("Last Index", numberField(server, "LastIndex")),
    ...unlessEmpty("Redundancy Zone", textField(server, "RedundancyZone")),
    ...unlessEmpty("Upgrade Version", textField(server, "UpgradeVersion")),
    ...(boolField(server, "ReadReplica") ? [field("Read Replica", true)] : []),
    ...(keys.length === 0 ? [] : ["      Meta", ...metaLines]),
  ];
}

function zoneLines(name: string, zone: JsonRecord): readonly string[] {
  return [
    `   ${name}:`,
    `      Failure Tolerance: ${numberField(zone, "FailureTolerance")}`,
    "      Voters:",
    ...indented(9, textListField(zone, "Voters")),
    "      Servers:",
    ...indented(9, textListField(zone, "Servers")),
  ];
}

const upgradeLists = [
  ["Target Version Voters:", "TargetVersionVoters"],
  ["Target Version Non-Voters:", "TargetVersionNonVoters"],
  ["Target Version ReadReplicas:", "TargetVersionReadReplicas"],
  ["Other Version Voters:", "OtherVersionVoters"],
  ["Other Version Non-Voters:", "OtherVersionNonVoters"],
  ["Other Version ReadReplicas:", "OtherVersionReadReplicas"],
] as const;

function upgradeLines(upgrade: JsonRecord): readonly string[] {
  return [
    "Upgrade:",
    `   Status:         ${textField(upgrade, "Status")}`,
    `   Target Version: ${textField(upgrade, "TargetVersion")}`,
    ...upgradeLists.flatMap(([title, name]) => listUnlessEmpty(title, 3, textListField(upgrade, name))),
  ];
}

/** Renders the reply of the autopilot state endpoint, with a line end. Throws `DecodeError`. */
export function renderAutopilotState(state: JsonRecord): string {
  const zones = toRecord(state["RedundancyZones"], "RedundancyZones");
  const servers = toRecord(state["Servers"], "Servers");
  const lines = [
    `Healthy:                      ${boolField(state, "Healthy")}`,
    `Failure Tolerance:            ${numberField(state, "FailureTolerance")}`,
    `Optimistic Failure Tolerance: ${numberField(state, "OptimisticFailureTolerance")}`,
    `Leader:                       ${textField(state, "Leader")}`,
    "Voters:",
    ...indented(3, textListField(state, "Voters")),
    ...listUnlessEmpty("Read Replicas:", 0, textListField(state, "ReadReplicas")),
    ...(Object.keys(zones).length === 0 ? [] : ["Redundancy Zones:"]),
    ...Object.keys(zones)
      .sort()
      .flatMap((name) => zoneLines(name, toRecord(zones[name], name))),
    ...(state["Upgrade"] === undefined || state["Upgrade"] === null
      ? []
      : upgradeLines(toRecord(state["Upgrade"], "Upgrade"))),
    "Servers:",
    ...Object.keys(servers)
      .sort()
      .flatMap((id) => serverLines(toRecord(servers[id], id))),
  ];
  return `${lines.join("\n")}\n`;
}
