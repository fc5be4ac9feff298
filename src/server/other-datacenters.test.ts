import { describe, expect, test } from "bun:test";
import type { Member, MemberStatus } from "../lib/members.ts";
import { KeyringOperationRequest, KeyringResponses } from "../wire/structs/gossip.ts";
import { otherDatacenters } from "./other-datacenters.ts";

function server(name: string, dc: string, status: MemberStatus = "alive"): Member {
  return {
    name: `${name}.${dc}`,
    address: "10.0.0.1",
    port: 8302,
    tags: { role: "consul", dc, port: "8300", vsn: "2", build: "1.16.4:" },
    status,
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  };
}

const members = [
  server("a", "dc1"),
  server("b", "dc3"),
  server("c", "dc2", "failed"),
  server("d", "dc2"),
  server("e", "dc4", "failed"),
  server("f", "dc5", "left"),
];

function others(picked = 0): { others: ReturnType<typeof otherDatacenters>; called: string[] } {
  const called: string[] = [];
  const made = otherDatacenters({
    wan: { members: () => members },
    ownDatacenter: "dc1",
    call: async ({ name }, { Datacenter }) => {
      called.push(`${name} for ${Datacenter}`);
      return KeyringResponses.zero;
    },
    random: (limit) => Math.min(picked, Math.max(0, limit - 1)),
  });
  return { others: made, called };
}

describe("other datacenters", () => {
  test("are those of servers that have not left", () => {
    expect(others().others.names()).toEqual(["dc2", "dc3", "dc4"]);
  });

  test("are asked by way of a living server", async () => {
    const { others: made, called } = others(1);
    await made.keyringOperation("dc2", KeyringOperationRequest.make({ Datacenter: "dc2" }));
    expect(called).toEqual(["d.dc2 for dc2"]);
  });

  test.each(["dc4", "dc5", "dc9"])("%s cannot be reached", async (datacenter) => {
    const asking = others().others.keyringOperation(datacenter, KeyringOperationRequest.zero);
    expect(String(await asking.catch((error: unknown) => error))).toContain("No path to datacenter");
  });
});
