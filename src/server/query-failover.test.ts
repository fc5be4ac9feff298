import { expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { RpcError } from "../wire/rpc/method.ts";
import {
  PreparedQuery,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  ServiceQuery,
} from "../wire/structs/prepared-query.ts";
import { failOver, failoverTargets } from "./query-failover.ts";

type Failover = ServiceQuery["Failover"];

function queryWith(failover: Partial<Failover>): PreparedQuery {
  const Failover: Failover = { NearestN: 0, Datacenters: null, Targets: null, ...failover };
  return PreparedQuery.make({ Service: ServiceQuery.make({ Service: "web", Failover }) });
}

test.each<[failover: Partial<Failover>, targets: readonly string[]]>([
  [{}, []],
  [{ NearestN: 2 }, ["b", "c"]],
  [{ NearestN: 9 }, ["b", "c", "d"]],
  [{ Datacenters: ["d", "x", "b"] }, ["d", "b"]],
  [{ NearestN: 1, Datacenters: ["d", "b"] }, ["b", "d"]],
  [{ Datacenters: ["d", "d"] }, ["d", "d"]],
  [
    {
      Targets: [
        { Peer: "p", Datacenter: "" },
        { Peer: "", Datacenter: "x" },
        { Peer: "", Datacenter: "c" },
        { Peer: "", Datacenter: "" },
      ],
    },
    ["peer p", "c"],
  ],
])("%p tries %p", (failover, targets) => {
  const found = failoverTargets(queryWith(failover), ["b", "c", "d"]);
  expect(found.map(({ Peer, Datacenter }) => (Peer === "" ? Datacenter : `peer ${Peer}`))).toEqual([
    ...targets,
  ]);
});

test("a place that cannot be asked counts, and the next is tried; peers are asked here", async () => {
  const asked: string[] = [];
  const answer = await failOver(
    {
      log: silentLog,
      ownDatacenter: "a",
      others: ["b", "c"],
      execute: ({ Datacenter, Query, Token, Limit, Connect }) => {
        asked.push(`${Datacenter}/${Query.Service.Peer}`);
        expect([Token, Limit, Connect]).toEqual(["t", 5, true]);
        if (Datacenter === "b") return Promise.reject(new RpcError("no"));
        const Nodes = Datacenter === "c" ? [{ Node: null, Service: null, Checks: null }] : [];
        return Promise.resolve(PreparedQueryExecuteResponse.make({ Datacenter, Nodes, Failovers: 7 }));
      },
    },
    {
      query: queryWith({
        Targets: [
          { Peer: "p", Datacenter: "" },
          { Peer: "", Datacenter: "b" },
          { Peer: "", Datacenter: "c" },
        ],
      }),
      request: PreparedQueryExecuteRequest.make({ Token: "t", Limit: 5, Connect: true }),
      reply: PreparedQueryExecuteResponse.make({ Datacenter: "a", Nodes: [] }),
    },
  );
  expect(asked).toEqual(["a/p", "b/", "c/"]);
  expect(answer).toMatchObject({ Datacenter: "c", Failovers: 3 });
});
