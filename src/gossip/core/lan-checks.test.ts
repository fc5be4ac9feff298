import { describe, expect, test } from "bun:test";
import type { Member } from "../../lib/members.ts";
import { monotonicMs } from "../../lib/clock.ts";
import { serfCodec } from "../../wire/gossip/serf-codec.ts";
import { lanChecks } from "./lan-checks.ts";
import { TestPool } from "./serf-test-pool.ts";
import { wanChecks } from "./wan-checks.ts";

const self = { nodeName: "self", nodeId: "id-self", datacenter: "dc1", segment: "" };
const check = lanChecks(self);

function member(
  name: string,
  tags: Readonly<Record<string, string>>,
  status: Member["status"] = "none",
): Member {
  return {
    name,
    address: "10.0.0.1",
    port: 8301,
    tags: { role: "node", dc: "dc1", build: "1.16.4:abc", ...tags },
    status,
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  };
}

describe("the LAN pool", () => {
  test.each<{ what: string; members: readonly Member[]; problem: string | undefined }>([
    { what: "an agent of the datacenter", members: [member("a", { id: "1" })], problem: undefined },
    { what: "this node", members: [member("SELF", { id: "id-self" })], problem: undefined },
    {
      what: "a node that is no agent",
      members: [member("a", { role: "web", dc: "dc9" })],
      problem: undefined,
    },
    {
      what: "this node's id under another name",
      members: [member("a", { id: "id-self" })],
      problem: "Member 'a' has conflicting node ID 'id-self' with this agent's ID",
    },
    {
      what: "one id twice",
      members: [member("a", { id: "1" }), member("b", { id: "1" })],
      problem: "Member 'b' has conflicting node ID '1' with member 'a'",
    },
    {
      what: "one id twice, of builds whose ids collide",
      members: [member("a", { id: "1", build: "0.8.4:" }), member("b", { id: "1", build: "0.8.4:" })],
      problem: undefined,
    },
    {
      what: "one id twice, one of them left",
      members: [member("a", { id: "1" }, "left"), member("b", { id: "1" })],
      problem: undefined,
    },
    {
      what: "a client of another datacenter",
      members: [member("a", { id: "1", dc: "dc2" })],
      problem: "Member 'a' part of wrong datacenter 'dc2'",
    },
    {
      what: "a server of another datacenter",
      members: [member("a", { role: "consul", dc: "dc2" })],
      problem: "Member 'a' part of wrong datacenter 'dc2'",
    },
    {
      what: "another segment",
      members: [member("a", { segment: "alpha" })],
      problem: "Member 'a' part of wrong segment 'alpha' (expected '')",
    },
    {
      what: "another partition",
      members: [member("a", { ap: "p1" })],
      problem: "Member 'a' part of partition 'p1'; Partitions are a Consul Enterprise feature",
    },
  ])("$what", ({ members, problem }) => expect(check(members)).toBe(problem));
});

test("the WAN pool takes servers only", () => {
  const wan = wanChecks(({ tags }) => tags["role"] === "consul");
  expect(wan([member("s.dc2", { role: "consul", dc: "dc2" })])).toBeUndefined();
  expect(wan([member("s.dc2", { role: "consul" }), member("c", {})])).toBe("Member 'c' is not a server");
});

test("serf asks the check of alive messages and of exchanges", () => {
  const pool = new TestPool(serfCodec);
  const { serf } = pool.start("self", { check });
  const meta = serfCodec.encodeTags({ role: "node", dc: "dc2" });
  const node = pool.swimNode("a", meta);
  const { name, address, incarnation, vsn } = node;
  const alive = { kind: "alive", node: name, address, incarnation, meta, vsn } as const;
  expect(serf.aliveProblem(alive)).toBe("Member 'a' part of wrong datacenter 'dc2'");
  expect(serf.mergeProblem([node])).toBe("Member 'a' part of wrong datacenter 'dc2'");
  expect(serf.aliveProblem({ ...alive, meta: new Uint8Array(513) })).toBe(
    "Encoded length of tags exceeds limit of 512 bytes",
  );
  serf.clock(monotonicMs(pool.nowMs));
});
