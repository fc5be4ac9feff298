/**
 * Who may be in the LAN pool: agents of one datacenter and segment, each with a node id of its own.
 *
 * Source: protocol reference, gossip-serf section 9; texts are the reference's.
 */
import type { Member } from "../../lib/members.ts";
import type { MemberCheck } from "./member-checks.ts";

export interface LanIdentity {
  readonly nodeName: string;
  /** Node UUID. */
  readonly nodeId: string;
  readonly datacenter: string;
  readonly segment: string;
}

/** Builds from here on make ids that do not collide among hosts cloned from one image. */
const uniqueIdBuild = [0, 8, 5] as const;

export function lanChecks(self: LanIdentity): MemberCheck {
  return (members) => {
    const owners = new Map<string, string>();
    for (const member of members) {
      // As in the reference, a member that left is not looked at further if it has an id.
      if (hasId(member) && member.status === "left") continue;
      const problem = idProblem(member, self, owners) ?? placeProblem(member, self);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

function hasId({ tags }: Member): boolean {
  return (tags["id"] ?? "") !== "";
}

function idProblem(
  { name, tags }: Member,
  self: LanIdentity,
  owners: Map<string, string>,
): string | undefined {
  const id = tags["id"] ?? "";
  if (id === "") return undefined;
  if (id === self.nodeId && name.toLowerCase() !== self.nodeName.toLowerCase())
    return `Member '${name}' has conflicting node ID '${id}' with this agent's ID`;
  const other = owners.get(id);
  if (other !== undefined) return `Member '${name}' has conflicting node ID '${id}' with member '${other}'`;
  if (hasUniqueId(tags["build"] ?? "")) owners.set(id, name);
  return undefined;
}

function placeProblem({ name, tags }: Member, { datacenter, segment }: LanIdentity): string | undefined {
  const { role, dc = "", segment: theirs = "", ap: partition = "" } = tags;
  const isAgent = role === "node" || role === "consul";
  if (isAgent && dc !== datacenter) return `Member '${name}' part of wrong datacenter '${dc}'`;
  if (partition !== "")
    return `Member '${name}' part of partition '${partition}'; Partitions are a Consul Enterprise feature`;
  if (theirs !== segment) return `Member '${name}' part of wrong segment '${theirs}' (expected '${segment}')`;
  return undefined;
}

function hasUniqueId(build: string): boolean {
  const parts = /(\d+)\.(\d+)\.(\d+)/.exec(build)?.slice(1).map(Number);
  if (parts === undefined) return false;
  for (const [at, least] of uniqueIdBuild.entries()) {
    const part = parts[at] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
