import { describe, expect, test } from "bun:test";
import type { Member } from "../lib/members.ts";
import { HealthCheck, Node } from "../wire/structs/catalog.ts";
import { NodeService } from "../wire/structs/service.ts";
import { memberDuties, unknownNodeDuties, type MemberDuty, type MemberFacts } from "./leader-members.ts";

const serverTags = {
  role: "consul",
  dc: "dc1",
  id: "id-1",
  segment: "",
  port: "8300",
  vsn: "2",
  raft_vsn: "3",
  build: "1.16.4:abc",
  grpc_tls_port: "8503",
} as const;
const clientTags = { role: "node", dc: "dc1", id: "id-1", build: "1.9.0:" } as const;

function member(tags: Readonly<Record<string, string>>, over: Partial<Member> = {}): Member {
  return {
    name: "n1",
    address: "10.0.0.1",
    port: 8301,
    tags,
    status: "alive",
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
    ...over,
  };
}

function facts(over: Partial<MemberFacts> = {}): MemberFacts {
  const one = over.member ?? member(clientTags);
  return {
    member: one,
    status: one.status,
    datacenter: "dc1",
    ownName: "leader",
    bootstrapServers: [],
    idLivesOn: false,
    node: undefined,
    serverService: undefined,
    gossipCheck: undefined,
    ...over,
  };
}

const node = Node.make({ Node: "n1", ID: "id-1", Address: "10.0.0.1", Meta: { a: "b" } });
const check = (status: string): HealthCheck =>
  HealthCheck.make({ Node: "n1", CheckID: "serfHealth", Status: status });
const service = NodeService.make({
  ID: "consul",
  Service: "consul",
  Port: 8300,
  Meta: {
    non_voter: "false",
    read_replica: "false",
    raft_version: "3",
    serf_protocol_current: "2",
    serf_protocol_min: "1",
    serf_protocol_max: "5",
    version: "1.16.4",
    grpc_tls_port: "8503",
  },
});

const kinds = (duties: readonly MemberDuty[]): string => duties.map(({ kind }) => kind).join(" ");

describe("what a member calls for", () => {
  const server = member(serverTags);
  const registered = { node, gossipCheck: check("passing"), serverService: service };
  const cases: readonly (readonly [string, Partial<MemberFacts>, string])[] = [
    ["a new client", {}, "register"],
    ["a client that is registered", { node, gossipCheck: check("passing") }, ""],
    ["a client that was failed", { node, gossipCheck: check("critical") }, "register"],
    ["a node that others registered", { node }, "register"],
    ["a client that moved", { ...registered, node: { ...node, Address: "10.0.0.9" } }, "register"],
    ["a node without an id", { ...registered, node: { ...node, ID: "" } }, "register"],
    ["a new server", { member: server }, "joinServer register"],
    ["a server that is registered", { member: server, ...registered }, "joinServer"],
    [
      "a server that became another",
      { member: server, ...registered, serverService: { ...service, Meta: {} } },
      "joinServer register",
    ],
    [
      "a server on another port",
      { member: server, ...registered, serverService: { ...service, Port: 1 } },
      "joinServer register",
    ],
    ["a second server in bootstrap mode", bootstrap(["other"]), "report register"],
    ["the only server in bootstrap mode", bootstrap(["N1"]), "joinServer register"],
    ["a failed client", { status: "failed", node, gossipCheck: check("passing") }, "register"],
    ["a failed client that is known to be", { status: "failed", node, gossipCheck: check("critical") }, ""],
    ["a failed client that nobody registered", { status: "failed" }, "report"],
    ["a client that leaves", { status: "leaving", node }, ""],
    ["a client that left", { status: "left", node }, "deregister"],
    ["a client that left and is gone", { status: "left" }, ""],
    ["a server that left", { status: "left", node, member: server }, "removeServer deregister"],
    ["a server that is forgotten", { status: "reaped", node, member: server }, "removeServer deregister"],
    [
      "the old name of a server that was renamed",
      { status: "left", node, member: server, idLivesOn: true },
      "deregister",
    ],
    ["the leader's own end", { status: "left", node, member: server, ownName: "N1" }, "report"],
    ["another datacenter's client", { member: member({ ...clientTags, dc: "dc2" }) }, "report"],
    ["another datacenter's server", { member: member({ ...serverTags, dc: "dc2" }) }, "report"],
    ["another segment's server", { member: member({ ...serverTags, segment: "x" }) }, "report"],
    ["a stranger", { member: member({}) }, "report"],
  ];
  for (const [title, over, expected] of cases) {
    test(`${title}: ${expected === "" ? "nothing" : expected}`, () => {
      expect(kinds(memberDuties(facts(over)))).toBe(expected);
    });
  }

  function bootstrap(bootstrapServers: readonly string[]): Partial<MemberFacts> {
    return { member: member({ ...serverTags, bootstrap: "1" }), bootstrapServers };
  }
});

test("a new server is registered with what its tags say", () => {
  const [join, register] = memberDuties(facts({ member: member(serverTags) }));
  expect(join).toEqual({ kind: "joinServer", id: "id-1", address: "10.0.0.1:8300" });
  expect(register).toMatchObject({
    request: {
      Datacenter: "dc1",
      Node: "n1",
      ID: "id-1",
      Address: "10.0.0.1",
      NodeMeta: { "consul-version": "1.16.4" },
      Service: { ID: "consul", Port: 8300, Weights: { Passing: 1, Warning: 1 }, Meta: service.Meta },
      Check: {
        CheckID: "serfHealth",
        Name: "Serf Health Status",
        Status: "passing",
        Output: "Agent alive and reachable",
      },
      SkipNodeUpdate: false,
    },
  });
});

test("a registered node keeps its metadata and addresses", () => {
  const known = { ...node, TaggedAddresses: { lan: "10.0.0.1" } };
  const [register] = memberDuties(facts({ node: known, gossipCheck: check("critical") }));
  expect(register).toMatchObject({ request: { NodeMeta: { a: "b" }, TaggedAddresses: { lan: "10.0.0.1" } } });
});

test("a failed member changes only its check", () => {
  const [register] = memberDuties(facts({ status: "failed", node }));
  expect(register).toMatchObject({
    request: {
      SkipNodeUpdate: true,
      Service: null,
      Check: { Status: "critical", Output: "Agent not live or unreachable" },
    },
  });
});

test("a node that gossip does not know goes, but never the leader's", () => {
  const base = { datacenter: "dc1", ownName: "leader" };
  expect(unknownNodeDuties({ ...base, node: "ghost" })).toMatchObject([
    { kind: "deregister", request: { Node: "ghost", Datacenter: "dc1" } },
  ]);
  expect(unknownNodeDuties({ ...base, node: "Leader" })).toEqual([]);
});
