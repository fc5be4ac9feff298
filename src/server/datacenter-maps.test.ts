import { expect, test } from "bun:test";
import type { Member, MemberStatus } from "../lib/members.ts";
import { datacenterMaps } from "./datacenter-maps.ts";
import { testPool } from "./testing.ts";

function member(name: string, datacenter: string, status: MemberStatus = "alive"): Member {
  const local = testPool.localMember();
  return { ...local, name, status, tags: { ...local.tags, dc: datacenter } };
}

test("servers stand in their datacenter's map, by their short names, unless they left or nothing is known", () => {
  const members = [
    member("b.dc2", "dc2"),
    member("b.dc1", "dc1"),
    member("a.dc1", "dc1", "failed"),
    member("gone.dc1", "dc1", "left"),
    member("unheard.dc2", "dc2"),
    { ...member("client.dc1", "dc1"), tags: { role: "node", dc: "dc1" } },
  ];
  const point = { Vec: [1], Error: 1, Adjustment: 0, Height: 0 };
  const maps = datacenterMaps({
    pool: { members: () => members },
    coordinateOf: (name) => (name.startsWith("unheard") ? undefined : point),
  });
  expect(
    maps.map(({ Datacenter, AreaID, Coordinates }) => [
      Datacenter,
      AreaID,
      (Coordinates ?? []).map(({ Node }) => Node),
    ]),
  ).toEqual([
    ["dc1", "wan", ["a", "b"]],
    ["dc2", "wan", ["b"]],
  ]);
});
