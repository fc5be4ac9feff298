/**
 * What the leader owes the catalog and the configuration when a member of gossip comes, fails or goes.
 *
 * Functions of one member and what the catalog says of it; carrying out is the reconciler's. Source: the
 * reference's leader.go; protocol reference, gossip-serf section 9.
 */
import type { Member, MemberStatus } from "../lib/members.ts";
import { hostPort } from "../lib/net.ts";
import { sameValue } from "../state/catalog-rows.ts";
import { parseServer, type ServerInfo } from "../wire/gossip/agent-tags.ts";
import { DeregisterRequest, HealthCheck, RegisterRequest, type Node } from "../wire/structs/catalog.ts";
import { NodeService } from "../wire/structs/service.ts";
import { consulService } from "./registration.ts";

/** Check that follows gossip. */
export const gossipCheckId = "serfHealth";
const gossipCheckName = "Serf Health Status";
const aliveOutput = "Agent alive and reachable";
const failedOutput = "Agent not live or unreachable";

/** What is known about a member. */
export interface MemberFacts {
  readonly member: Member;
  /** The member's status, or `reaped` once gossip has forgotten it. */
  readonly status: MemberStatus | "reaped";
  readonly datacenter: string;
  /** Name of the leader itself. */
  readonly ownName: string;
  /** Names of all servers in bootstrap mode. */
  readonly bootstrapServers: readonly string[];
  /** Another member, which is alive, has this one's id: the same server under a new name. */
  readonly idLivesOn: boolean;
  /** The catalog's entries about the member; `undefined` where it has none. */
  readonly node: Node | undefined;
  readonly serverService: NodeService | undefined;
  readonly gossipCheck: HealthCheck | undefined;
  /** What the leader's own entry shall have besides, so that it is whole before its agent's first sync. */
  readonly ownNode?: Pick<RegisterRequest, "TaggedAddresses" | "NodeMeta">;
}

/** One thing to do; the next is done only if it succeeds. */
export type MemberDuty =
  | { readonly kind: "joinServer"; readonly id: string; readonly address: string }
  | { readonly kind: "removeServer"; readonly id: string }
  | { readonly kind: "register"; readonly request: RegisterRequest; readonly because: string }
  | { readonly kind: "deregister"; readonly request: DeregisterRequest; readonly because: string }
  /** Nothing is done, and somebody should know. */
  | { readonly kind: "report"; readonly level: "info" | "warn" | "error"; readonly text: string };

/** What to do about a member, in order. */
export function memberDuties(facts: MemberFacts): readonly MemberDuty[] {
  if (!isOurs(facts)) return [{ kind: "report", level: "warn", text: "skipping reconcile of node" }];
  switch (facts.status) {
    case "alive":
      return aliveDuties(facts);
    case "failed":
      return failedDuties(facts);
    case "left":
    case "reaped":
      return goneDuties(facts, facts.status);
    // Still alive for a moment; what follows will be told.
    case "leaving":
    case "none":
      return [];
    default:
      return facts.status satisfies never;
  }
}

/** What to do about a node that has a check of gossip's, though gossip does not know it. */
export function unknownNodeDuties({
  node,
  ownName,
  datacenter,
}: {
  readonly node: string;
  readonly ownName: string;
  readonly datacenter: string;
}): readonly MemberDuty[] {
  if (sameName(node, ownName)) return [];
  return [
    {
      kind: "deregister",
      request: DeregisterRequest.make({ Datacenter: datacenter, Node: node }),
      because: "reaped",
    },
  ];
}

function isOurs({ member, datacenter }: MemberFacts): boolean {
  if (member.tags["role"] === "node") return member.tags["dc"] === datacenter;
  const server = parseServer(member);
  return server !== undefined && server.segment === "" && server.datacenter === datacenter;
}

function aliveDuties(facts: MemberFacts): MemberDuty[] {
  const server = parseServer(facts.member);
  const service = server === undefined ? undefined : serverService(facts.member, server);
  const duties = server === undefined ? [] : joinDuties(facts, server);
  if (isRegistered(facts, service)) return duties;
  return [...duties, registration(facts, service)];
}

function joinDuties({ member, bootstrapServers }: MemberFacts, server: ServerInfo): MemberDuty[] {
  const other = server.bootstrap ? bootstrapServers.find((name) => !sameName(name, member.name)) : undefined;
  if (other !== undefined) {
    const text =
      "Two nodes are in bootstrap mode. Only one node should be in bootstrap mode, not adding Raft peer. " +
      `node_to_add=${member.name} other=${other}`;
    return [{ kind: "report", level: "error", text }];
  }
  // Servers without an id are from before Raft knew ids; they cannot join.
  return server.id === "" ? [] : [{ kind: "joinServer", id: server.id, address: hostPort(server.rpc) }];
}

/** The service that stands for a server in the catalog. */
function serverService(member: Member, server: ServerInfo): NodeService {
  const { tags } = member;
  const meta: Record<string, string> = {
    non_voter: String(tags["nonvoter"] === "1"),
    read_replica: String(tags["read_replica"] === "1"),
    raft_version: String(server.raftVersion),
    serf_protocol_current: String(member.protocolCur),
    serf_protocol_min: String(member.protocolMin),
    serf_protocol_max: String(member.protocolMax),
    version: server.build,
  };
  for (const name of ["grpc_port", "grpc_tls_port"]) {
    const port = Number(tags[name] ?? "");
    if (port > 0) meta[name] = String(port);
  }
  return NodeService.make({
    ID: consulService,
    Service: consulService,
    Port: server.rpc.port,
    Weights: { Passing: 1, Warning: 1 },
    Meta: meta,
  });
}

function isRegistered(
  { member, node, serverService: known, gossipCheck }: MemberFacts,
  service: NodeService | undefined,
): boolean {
  if (node === undefined || node.Address !== member.address) return false;
  if (node.ID === "" && (member.tags["id"] ?? "") !== "") return false;
  if (service !== undefined && (known?.Port !== service.Port || !sameValue(known.Meta, service.Meta))) {
    return false;
  }
  return gossipCheck?.Status === "passing";
}

function registration(facts: MemberFacts, service: NodeService | undefined): MemberDuty {
  const { member, node, datacenter } = facts;
  const build = /\d+\.\d+\.\d+/.exec(member.tags["build"] ?? "")?.[0] ?? "";
  const fresh = facts.ownNode ?? { TaggedAddresses: null, NodeMeta: { "consul-version": build } };
  const request = RegisterRequest.make({
    Datacenter: datacenter,
    Node: member.name,
    ID: member.tags["id"] ?? "",
    Address: member.address,
    Service: service ?? null,
    Check: gossipCheck(member, "passing"),
    TaggedAddresses: node === undefined ? fresh.TaggedAddresses : node.TaggedAddresses,
    NodeMeta: node === undefined ? fresh.NodeMeta : node.Meta,
  });
  return { kind: "register", request, because: "member joined, marking health alive" };
}

function gossipCheck({ name }: Member, status: "passing" | "critical"): HealthCheck {
  return HealthCheck.make({
    Node: name,
    CheckID: gossipCheckId,
    Name: gossipCheckName,
    Status: status,
    Output: status === "passing" ? aliveOutput : failedOutput,
  });
}

function failedDuties({ member, node, gossipCheck: known, datacenter }: MemberFacts): MemberDuty[] {
  if (node === undefined) {
    const text = "ignoring failed event for member because it does not exist in the catalog";
    return [{ kind: "report", level: "info", text }];
  }
  if (known?.Status === "critical") return [];
  const request = RegisterRequest.make({
    Datacenter: datacenter,
    Node: member.name,
    ID: member.tags["id"] ?? "",
    Address: member.address,
    Check: gossipCheck(member, "critical"),
    // What the catalog knows of the node stays.
    SkipNodeUpdate: true,
  });
  return [{ kind: "register", request, because: "member failed, marking health critical" }];
}

function goneDuties(facts: MemberFacts, because: string): MemberDuty[] {
  const { member, node, ownName, datacenter, idLivesOn } = facts;
  // Only a leader that is leaving sees this; the next leader will take it out.
  if (sameName(member.name, ownName)) {
    return [{ kind: "report", level: "warn", text: "deregistering self should be done by follower" }];
  }
  const id = parseServer(member)?.id ?? "";
  const removal: MemberDuty[] = id === "" || idLivesOn ? [] : [{ kind: "removeServer", id }];
  if (node === undefined) return removal;
  const request = DeregisterRequest.make({ Datacenter: datacenter, Node: member.name });
  return [...removal, { kind: "deregister", request, because }];
}

/** Names of nodes compare without regard to case. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
