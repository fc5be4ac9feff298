/** What a healed cluster must come to: one leader, all members, a catalog that agrees with gossip, equal states. */
import { getCheck, getNode } from "../../src/state/catalog.ts";
import type { SimHost } from "./host.ts";

/** Entries that servers may be behind while clients write. */
const busyLagMax = 30;

/** What is not yet as it should be, in one sentence; `undefined` when all is. `isBusy`: clients are writing. */
export function notConverged(hosts: readonly SimHost[], isBusy: boolean): string | undefined {
  const servers = hosts.filter(({ isServer }) => isServer);
  const away = hosts.find((host) => host.core === undefined);
  if (away !== undefined) return `${away.name} is not up`;
  return (
    leaderProblem(servers, isBusy ? busyLagMax : 0) ?? gossipProblem(hosts) ?? catalogProblem(servers, hosts)
  );
}

/** The server that leads in the newest term. */
export function leaderOf(servers: readonly SimHost[]): SimHost | undefined {
  const leading = servers.filter((host) => host.core?.consensus?.status().role === "leader");
  const termOf = (host: SimHost): number => host.core?.consensus?.status().term ?? 0;
  return leading.toSorted((a, b) => termOf(b) - termOf(a))[0];
}

/** What the others do not yet know of one that is gone without a word; `undefined` when all do. */
export function notMissed(gone: SimHost, hosts: readonly SimHost[]): string | undefined {
  const others = hosts.filter((host) => host !== gone);
  for (const { name, core } of others) {
    const status = core?.pools.lan.members().find((member) => member.name === gone.name)?.status;
    if (status === "alive" || status === "leaving") return `${name} still sees ${gone.name} as ${status}`;
  }
  const leader = leaderOf(others.filter(({ isServer }) => isServer));
  if (leader?.store === undefined) return "nobody leads";
  const check = getCheck(leader.store, gone.name, "serfHealth");
  return check?.Status === "passing" ? `the catalog has ${gone.name}, which is gone, as passing` : undefined;
}

function leaderProblem(servers: readonly SimHost[], lagMax: number): string | undefined {
  const leader = leaderOf(servers);
  if (leader === undefined) return "nobody leads";
  const status = leader.core?.consensus?.status();
  const voters = status?.servers.filter(({ voter }) => voter).length ?? 0;
  if (voters !== servers.length) return `${voters} of ${servers.length} servers have a vote`;
  for (const { name, core } of servers) {
    const own = core?.consensus?.status();
    if (own?.leaderId !== status?.leaderId) return `${name} follows ${own?.leaderId ?? "nobody"}`;
    if ((own?.appliedIndex ?? 0) + lagMax < (status?.commitIndex ?? 0))
      return `${name} has applied ${own?.appliedIndex} of ${status?.commitIndex}`;
  }
  return undefined;
}

function gossipProblem(hosts: readonly SimHost[]): string | undefined {
  for (const { name, core } of hosts) {
    const members = core?.pools.lan.members() ?? [];
    for (const other of hosts) {
      const status = members.find((member) => member.name === other.name)?.status;
      if (status !== "alive") return `${name} sees ${other.name} as ${status ?? "unknown"}`;
    }
  }
  return undefined;
}

function catalogProblem(servers: readonly SimHost[], hosts: readonly SimHost[]): string | undefined {
  for (const { name, store } of servers) {
    if (store === undefined) return `${name} has no state`;
    for (const other of hosts) {
      const status = getCheck(store, other.name, "serfHealth")?.Status;
      if (status !== "passing") return `the catalog of ${name} has ${other.name} as ${status ?? "unknown"}`;
      const address = getNode(store, other.name)?.Address;
      if (address !== other.address) return `the catalog of ${name} has ${other.name} at ${address}`;
    }
  }
  return undefined;
}
