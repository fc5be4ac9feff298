/**
 * Every command word, and how to load what is behind it.
 *
 * The table holds names and one-line summaries only; a command's module is imported when it runs, so
 * that `version` does not pay for `snapshot inspect`. Groups and commands that are still to come are
 * rows of their own tables.
 */
import type { Command } from "./command.ts";

/** One command word or sequence of words. */
export interface RegistryEntry {
  /** Words after the program's name. */
  readonly name: string;
  /** For the list of commands. */
  readonly synopsis: string;
  /** `undefined` for the agent, which the composition root provides. */
  readonly load: () => Promise<Command | undefined>;
}

const groupSynopses: Readonly<Record<string, string>> = {
  acl: "Manages access control: tokens, policies, roles",
  "acl auth-method": "Manages ways to log in",
  "acl binding-rule": "Manages what a login may do",
  "acl policy": "Manages policies",
  "acl role": "Manages roles",
  "acl token": "Manages tokens",
  catalog: "Looks things up in the catalog",
  config: "Manages centralized configuration entries",
  connect: "Manages the service mesh",
  "connect ca": "Manages the mesh's certificate authority",
  intention: "Manages which services may talk to each other",
  kv: "Reads and writes the key-value store",
  operator: "Tools for those who run a cluster",
  "operator autopilot": "Shows and changes autopilot's settings",
  "operator raft": "Shows and changes the Raft configuration",
  "operator usage": "Counts what the cluster is used for",
  peering: "Connects clusters",
  services: "Registers and removes services of the agent",
  snapshot: "Saves, restores and inspects the servers' state",
  tls: "Makes certificates",
  "tls ca": "Makes a certificate authority",
  "tls cert": "Makes certificates",
  troubleshoot: "Finds out what is wrong with the mesh",
};

const laterSynopses: Readonly<Record<string, string>> = {
  "acl auth-method create": "Creates an auth method",
  "acl auth-method delete": "Deletes an auth method",
  "acl auth-method list": "Lists auth methods",
  "acl auth-method read": "Shows an auth method",
  "acl auth-method update": "Changes an auth method",
  "acl binding-rule create": "Creates a binding rule",
  "acl binding-rule delete": "Deletes a binding rule",
  "acl binding-rule list": "Lists binding rules",
  "acl binding-rule read": "Shows a binding rule",
  "acl binding-rule update": "Changes a binding rule",
  "acl bootstrap": "Creates the first management token",
  "acl policy create": "Creates a policy",
  "acl policy delete": "Deletes a policy",
  "acl policy list": "Lists policies",
  "acl policy read": "Shows a policy",
  "acl policy update": "Changes a policy",
  "acl role create": "Creates a role",
  "acl role delete": "Deletes a role",
  "acl role list": "Lists roles",
  "acl role read": "Shows a role",
  "acl role update": "Changes a role",
  "acl set-agent-token": "Gives a running agent a token",
  "acl token clone": "Copies a token",
  "acl token create": "Creates a token",
  "acl token delete": "Deletes a token",
  "acl token list": "Lists tokens",
  "acl token read": "Shows a token",
  "acl token update": "Changes a token",
  "config delete": "Deletes a configuration entry",
  "config list": "Lists the entries of a kind",
  "config read": "Shows a configuration entry",
  "config write": "Writes a configuration entry",
  "connect ca get-config": "Shows the certificate authority's settings",
  "connect ca set-config": "Changes the certificate authority's settings",
  "connect envoy": "Starts Envoy as a service's proxy",
  "connect envoy pipe-bootstrap": "Hands Envoy its bootstrap configuration",
  "connect expose": "Makes a service reachable through an ingress gateway",
  "connect proxy": "Runs the built-in proxy",
  "connect redirect-traffic": "Sends a service's traffic through its proxy",
  "intention check": "Tells whether a connection would be allowed",
  "intention create": "Creates an intention",
  "intention delete": "Deletes an intention",
  "intention get": "Shows an intention",
  "intention list": "Lists intentions",
  "intention match": "Shows which intentions apply to a service",
  login: "Logs in through an auth method",
  logout: "Destroys the token of a login",
  "peering delete": "Deletes a peering",
  "peering establish": "Connects to the cluster that made a token",
  "peering generate-token": "Makes a token for another cluster",
  "peering list": "Lists peerings",
  "peering read": "Shows a peering",
  "services export": "Offers a service to other clusters or partitions",
  "troubleshoot proxy": "Checks a path through Envoy",
  "troubleshoot upstreams": "Lists the upstreams of an Envoy",
};

const ready: readonly RegistryEntry[] = [
  { name: "agent", synopsis: "Runs an agent", load: async () => undefined },
  {
    name: "catalog datacenters",
    synopsis: "Lists datacenters",
    load: async () => (await import("./commands/catalog-datacenters.ts")).catalogDatacentersCommand,
  },
  {
    name: "catalog nodes",
    synopsis: "Lists nodes",
    load: async () => (await import("./commands/catalog-nodes.ts")).catalogNodesCommand,
  },
  {
    name: "catalog services",
    synopsis: "Lists services",
    load: async () => (await import("./commands/catalog-services.ts")).catalogServicesCommand,
  },
  {
    name: "debug",
    synopsis: "Collects an archive for finding faults",
    load: async () => (await import("./commands/debug.ts")).debugCommand,
  },
  {
    name: "event",
    synopsis: "Fires a user event",
    load: async () => (await import("./commands/event.ts")).eventCommand,
  },
  {
    name: "exec",
    synopsis: "Runs a command on many nodes",
    load: async () => (await import("./commands/exec.ts")).execCommand,
  },
  {
    name: "force-leave",
    synopsis: 'Puts a failed member into the "left" state',
    load: async () => (await import("./commands/force-leave.ts")).forceLeaveCommand,
  },
  {
    name: "info",
    synopsis: "Shows the agent's statistics",
    load: async () => (await import("./commands/info.ts")).infoCommand,
  },
  {
    name: "join",
    synopsis: "Has the agent join a cluster",
    load: async () => (await import("./commands/join.ts")).joinCommand,
  },
  {
    name: "keygen",
    synopsis: "Makes a key for encrypting gossip",
    load: async () => (await import("./commands/keygen.ts")).keygenCommand,
  },
  {
    name: "keyring",
    synopsis: "Manages the keys that encrypt gossip",
    load: async () => (await import("./commands/keyring.ts")).keyringCommand,
  },
  {
    name: "kv delete",
    synopsis: "Deletes a key or a tree of keys",
    load: async () => (await import("./commands/kv-delete.ts")).kvDeleteCommand,
  },
  {
    name: "kv export",
    synopsis: "Writes a tree of keys as JSON",
    load: async () => (await import("./commands/kv-export.ts")).kvExportCommand,
  },
  {
    name: "kv get",
    synopsis: "Reads a key or lists keys",
    load: async () => (await import("./commands/kv-get.ts")).kvGetCommand,
  },
  {
    name: "kv import",
    synopsis: "Reads a tree of keys from JSON",
    load: async () => (await import("./commands/kv-import.ts")).kvImportCommand,
  },
  {
    name: "kv put",
    synopsis: "Writes a key",
    load: async () => (await import("./commands/kv-put.ts")).kvPutCommand,
  },
  {
    name: "leave",
    synopsis: "Has the agent leave its cluster and stop",
    load: async () => (await import("./commands/leave.ts")).leaveCommand,
  },
  {
    name: "lock",
    synopsis: "Runs a command while holding a lock",
    load: async () => (await import("./commands/lock.ts")).lockCommand,
  },
  {
    name: "maint",
    synopsis: "Puts a node or service into maintenance mode",
    load: async () => (await import("./commands/maint.ts")).maintCommand,
  },
  {
    name: "members",
    synopsis: "Lists the members of the cluster",
    load: async () => (await import("./commands/members.ts")).membersCommand,
  },
  {
    name: "monitor",
    synopsis: "Follows the agent's log",
    load: async () => (await import("./commands/monitor.ts")).monitorCommand,
  },
  {
    name: "operator autopilot get-config",
    synopsis: "Shows autopilot's settings",
    load: async () => (await import("./commands/autopilot-get-config.ts")).autopilotGetConfigCommand,
  },
  {
    name: "operator autopilot set-config",
    synopsis: "Changes autopilot's settings",
    load: async () => (await import("./commands/autopilot-set-config.ts")).autopilotSetConfigCommand,
  },
  {
    name: "operator autopilot state",
    synopsis: "Shows how autopilot sees the servers",
    load: async () => (await import("./commands/autopilot-state.ts")).autopilotStateCommand,
  },
  {
    name: "operator raft list-peers",
    synopsis: "Lists the servers in the Raft configuration",
    load: async () => (await import("./commands/raft-list-peers.ts")).raftListPeersCommand,
  },
  {
    name: "operator raft remove-peer",
    synopsis: "Removes a server from the Raft configuration",
    load: async () => (await import("./commands/raft-remove-peer.ts")).raftRemovePeerCommand,
  },
  {
    name: "operator raft transfer-leader",
    synopsis: "Moves leadership to another server",
    load: async () => (await import("./commands/raft-transfer-leader.ts")).raftTransferLeaderCommand,
  },
  {
    name: "operator usage instances",
    synopsis: "Counts service instances",
    load: async () => (await import("./commands/usage-instances.ts")).usageInstancesCommand,
  },
  {
    name: "reload",
    synopsis: "Has the agent read its configuration again",
    load: async () => (await import("./commands/reload.ts")).reloadCommand,
  },
  {
    name: "rtt",
    synopsis: "Estimates the round trip between nodes",
    load: async () => (await import("./commands/rtt.ts")).rttCommand,
  },
  {
    name: "services deregister",
    synopsis: "Removes services from the agent",
    load: async () => (await import("./commands/services-deregister.ts")).servicesDeregisterCommand,
  },
  {
    name: "services register",
    synopsis: "Registers services with the agent",
    load: async () => (await import("./commands/services-register.ts")).servicesRegisterCommand,
  },
  {
    name: "snapshot inspect",
    synopsis: "Shows what a snapshot holds",
    load: async () => (await import("./commands/snapshot-inspect.ts")).snapshotInspectCommand,
  },
  {
    name: "snapshot restore",
    synopsis: "Replaces the servers' state with a snapshot",
    load: async () => (await import("./commands/snapshot-restore.ts")).snapshotRestoreCommand,
  },
  {
    name: "snapshot save",
    synopsis: "Saves the servers' state to a file",
    load: async () => (await import("./commands/snapshot-save.ts")).snapshotSaveCommand,
  },
  {
    name: "tls ca create",
    synopsis: "Creates a certificate authority",
    load: async () => (await import("./commands/tls-ca-create.ts")).tlsCaCreateCommand,
  },
  {
    name: "tls cert create",
    synopsis: "Creates a certificate",
    load: async () => (await import("./commands/tls-cert-create.ts")).tlsCertCreateCommand,
  },
  {
    name: "troubleshoot ports",
    synopsis: "Tries the default ports of a server",
    load: async () => (await import("./commands/troubleshoot-ports.ts")).troubleshootPortsCommand,
  },
  {
    name: "validate",
    synopsis: "Checks configuration files",
    load: async () => (await import("./commands/validate.ts")).validateCommand,
  },
  {
    name: "version",
    synopsis: "Prints the version",
    load: async () => (await import("./commands/version.ts")).versionCommand,
  },
  {
    name: "watch",
    synopsis: "Waits for changes and tells or handles them",
    load: async () => (await import("./commands/watch.ts")).watchCommand,
  },
];

/** All commands and groups, sorted by name. */
export const registry: readonly RegistryEntry[] = [
  ...ready,
  ...Object.entries(groupSynopses).map(([name, synopsis]) => ({
    name,
    synopsis,
    load: async () => (await import("./groups.ts")).groupCommand(name),
  })),
  ...Object.entries(laterSynopses).map(([name, synopsis]) => ({
    name,
    synopsis,
    load: async () => (await import("./later.ts")).laterCommand(name),
  })),
].sort((a, b) => (a.name < b.name ? -1 : 1));

/** Entries one word below `parent`; the top ones for "". */
export function childrenOf(parent: string): readonly RegistryEntry[] {
  const prefix = parent === "" ? "" : `${parent} `;
  return registry.filter(
    (entry) => entry.name.startsWith(prefix) && !entry.name.slice(prefix.length).includes(" "),
  );
}
