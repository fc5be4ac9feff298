/** Where the servers of every datacenter stand in the wide-area pool. Source: the reference's router. */
import type { MemberPool } from "../lib/members.ts";
import type { Coordinate } from "../wire/structs/operator.ts";
import type { DatacenterMap } from "../wire/structs/operator-state.ts";
import { serverMembers } from "./known-servers.ts";

/** A wide-area pool with the coordinates that gossip has measured or heard of. */
export interface WideAreaPool {
  readonly pool: Pick<MemberPool, "members">;
  coordinateOf(memberName: string): Coordinate["Coord"] | undefined;
}

/** The maps, by datacenter and name; members are named `node.datacenter` in the pool, and `node` here. */
export function datacenterMaps({ pool, coordinateOf }: WideAreaPool): readonly DatacenterMap[] {
  const maps = new Map<string, Coordinate[]>();
  const present = serverMembers(pool).filter(({ member }) => member.status !== "left");
  for (const { member, info } of present.sort((a, b) => (a.member.name < b.member.name ? -1 : 1))) {
    const coord = coordinateOf(member.name);
    if (coord === undefined) continue;
    const suffix = `.${info.datacenter}`;
    const name = member.name.endsWith(suffix) ? member.name.slice(0, -suffix.length) : member.name;
    const rows = maps.get(info.datacenter) ?? [];
    rows.push({ Node: name, Segment: "", Coord: coord });
    maps.set(info.datacenter, rows);
  }
  return [...maps]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([Datacenter, Coordinates]) => ({ Datacenter, AreaID: "wan", Coordinates }));
}
