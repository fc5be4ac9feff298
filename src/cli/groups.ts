/** Words that only lead to further words: `kv`, `operator raft`. Alone they print their help. */
import { must } from "../lib/assert.ts";
import { renderHelp, type Command } from "./command.ts";

interface Group {
  /** What follows the group's words on the Usage line. */
  readonly tail: string;
  readonly about: string;
}

const withArgs = "<subcommand> [options] [args]";

const groups: Readonly<Record<string, Group>> = {
  acl: {
    tail: withArgs,
    about: "Access control: who may do what. Start with:\n\n    $ {program} acl bootstrap",
  },
  "acl auth-method": {
    tail: withArgs,
    about: "Auth methods let people and programs log in with what they already have.",
  },
  "acl binding-rule": {
    tail: withArgs,
    about: "Binding rules say what a login through an auth method may do.",
  },
  "acl policy": { tail: withArgs, about: "Policies are named sets of rules." },
  "acl role": { tail: withArgs, about: "Roles are named sets of policies and identities." },
  "acl token": { tail: withArgs, about: "Tokens carry policies and roles; requests carry tokens." },
  catalog: {
    tail: withArgs,
    about: `Looks things up in the catalog of the whole datacenter.

    $ {program} catalog datacenters
    $ {program} catalog nodes
    $ {program} catalog services`,
  },
  config: { tail: withArgs, about: "Configuration entries hold what the whole datacenter has to agree on." },
  connect: { tail: withArgs, about: "The service mesh: its certificate authority and its proxies." },
  "connect ca": { tail: withArgs, about: "The certificate authority of the service mesh." },
  intention: { tail: withArgs, about: "Intentions say which services may connect to which." },
  kv: {
    tail: withArgs,
    about: `Reads and writes the key-value store.

    $ {program} kv put redis/config/connections 5
    $ {program} kv get redis/config/connections
    $ {program} kv get -detailed redis/config/connections
    $ {program} kv delete redis/config/connections`,
  },
  operator: {
    tail: "<subcommand> [options]",
    about: `Tools for those who run a cluster. They reach deep: read a command's help first. With ACLs
on, a token with operator rights is needed.`,
  },
  "operator autopilot": {
    tail: "<subcommand> [options]",
    about: "Autopilot removes dead servers and judges the health of the others.",
  },
  "operator raft": { tail: "<subcommand> [options]", about: "The servers that agree through Raft." },
  "operator usage": { tail: "<subcommand> [options] [args]", about: "Counts what the cluster is used for." },
  peering: { tail: withArgs, about: "Peerings connect clusters that are run independently." },
  services: {
    tail: withArgs,
    about: `Registers and removes services of the local agent. For the services of the whole datacenter
see "{program} catalog".`,
  },
  snapshot: {
    tail: withArgs,
    about: `Saves and restores what the servers hold: keys, catalog, queries, sessions, access control.

    $ {program} snapshot save backup.snap
    $ {program} snapshot inspect backup.snap
    $ {program} snapshot restore backup.snap`,
  },
  tls: {
    tail: "<subcommand> <subcommand> [options]",
    about: `Makes certificates for the agents of a cluster: an authority first, then what it signs.

    $ {program} tls ca create
    $ {program} tls cert create -server
    $ {program} tls cert create -client`,
  },
  "tls ca": {
    tail: "<subcommand> [options]",
    about: `Makes the certificate authority of a cluster.

    $ {program} tls ca create
    ==> Saved consul-agent-ca.pem
    ==> Saved consul-agent-ca-key.pem`,
  },
  "tls cert": {
    tail: "<subcommand> [options]",
    about: `Makes certificates that the cluster's authority signs, or one of your own.

    $ {program} tls cert create -server
    $ {program} tls cert create -server -ca my-ca.pem -key my-ca-key.pem`,
  },
  troubleshoot: {
    tail: withArgs,
    about: "Finds out why services, or the agents themselves, cannot reach each other.",
  },
};

/** The command behind a group's words. Its list of subcommands is added where help is printed. */
export function groupCommand(name: string): Command {
  const group = must(groups[name], `the group ${name} has a row`);
  const page = { usage: `${name} ${group.tail}`, about: group.about, flags: {} };
  return {
    helpOnly: true,
    help: (programName) => renderHelp(page, programName),
    run: async () => 1,
  };
}
