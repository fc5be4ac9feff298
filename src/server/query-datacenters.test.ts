import { expect, test } from "bun:test";
import type { Member, MemberStatus } from "../lib/members.ts";
import type { Coordinate } from "../wire/structs/operator.ts";
import {
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteResponse,
} from "../wire/structs/prepared-query.ts";
import { queryDatacenters } from "./query-datacenters.ts";

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

/** Datacenters by the places of their servers on a line; `undefined` is a server that measured nothing. */
const places: Readonly<Record<string, readonly (number | undefined)[]>> = {
  dc1: [0],
  far: [5, 6, 7],
  // One server is near, but not the one in the middle.
  middle: [0.1, 3, 4],
  near: [1],
  "z-unknown": [undefined],
  "a-unknown": [undefined],
};

const members = Object.entries(places).flatMap(([dc, all]) => all.map((_, at) => server(`s${at}`, dc)));

function coordinateOf(member: string): Coordinate["Coord"] | undefined {
  const [name = "", dc = ""] = member.split(".");
  const x = places[dc]?.[Number(name.slice(1))];
  return x === undefined ? undefined : { Vec: [x], Error: 1, Adjustment: 0, Height: 0 };
}

function others(pool: readonly Member[], picked = 0) {
  const called: string[] = [];
  const made = queryDatacenters({
    wan: { pool: { members: () => pool }, coordinateOf },
    ownDatacenter: "dc1",
    ownMember: "s0.dc1",
    call: ({ name }, { Datacenter }) => {
      called.push(`${name} for ${Datacenter}`);
      return Promise.resolve(PreparedQueryExecuteResponse.make({ Datacenter }));
    },
    random: (limit) => Math.min(picked, limit - 1),
  });
  return { made, called };
}

test("datacenters are in the order of their middle server's distance, then of their names", () => {
  const { made } = others([...members, server("s9", "gone", "left")]);
  expect(made.byDistance()).toEqual(["near", "middle", "far", "a-unknown", "z-unknown"]);
});

test("a living server of the datacenter is asked", async () => {
  const pool = [server("s0", "near", "failed"), server("s1", "near"), server("s2", "near"), ...members];
  const { made, called } = others(pool, 1);
  const request = PreparedQueryExecuteRemoteRequest.make({ Datacenter: "near" });
  expect(await made.execute(request)).toMatchObject({ Datacenter: "near" });
  expect(called).toEqual(["s2.near for near"]);
});

test("without one there is no path", async () => {
  const { made } = others([server("s0", "near", "failed")]);
  const request = PreparedQueryExecuteRemoteRequest.make({ Datacenter: "near" });
  const refused = await made.execute(request).then(
    () => "answered",
    (error: Error) => error.message,
  );
  expect(refused).toBe("No path to datacenter");
});
