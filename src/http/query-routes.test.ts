import { beforeEach, describe, expect, test } from "bun:test";
import { catalogCommands } from "../fsm/catalog-commands.ts";
import { Fsm } from "../fsm/fsm.ts";
import { preparedQueryCommands } from "../fsm/prepared-query-commands.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { preparedQueryEndpoints } from "../server/prepared-query.ts";
import { Server } from "../server/server.ts";
import { InstantConsensus, testContext } from "../server/testing.ts";
import { ensureNode, ensureService } from "../state/catalog.ts";
import { StateStore } from "../state/store.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { Node } from "../wire/structs/catalog.ts";
import type { PreparedQueryExecuteRequest } from "../wire/structs/prepared-query.ts";
import { NodeService } from "../wire/structs/service.ts";
import { createApp } from "./app.ts";
import { queryRoutes } from "./query-routes.ts";

let rpc: Rpc;
/** What the servers were asked, the last first. */
let asked: unknown[];
let lastContactNs: number;

beforeEach(() => {
  const store = new StateStore();
  ensureNode(store, 1, Node.make({ Node: "n1", Address: "10.0.0.1", Datacenter: "dc1" }));
  ensureService(store, 1, "n1", NodeService.make({ ID: "web", Service: "web", Port: 80 }));
  store.commit();
  const fsm = new Fsm(store, [...catalogCommands, ...preparedQueryCommands], []);
  let uuids = 0;
  const context = {
    ...testContext(store, new InstantConsensus(fsm)),
    uuid: () => `0000000a-0000-4000-8000-${String((uuids += 1)).padStart(12, "0")}`,
  };
  const server = new Server(context, preparedQueryEndpoints);
  asked = [];
  lastContactNs = 0;
  rpc = {
    call: async (method, request) => {
      asked.unshift(request);
      const reply = await server.call(method, request);
      const isRead = typeof reply === "object" && reply !== null && "LastContact" in reply;
      return isRead ? { ...reply, LastContact: lastContactNs } : reply;
    },
  };
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

async function send(
  method: string,
  url: string,
  { body = "", headers = {} }: { readonly body?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const app = createApp({
    routes: queryRoutes,
    context: {
      rpc,
      datacenter: "dc1",
      nodeName: "agent-1",
      log: silentLog,
      metrics: noMetrics,
      kvValueBytesMax: 1,
      txnBytesMax: 1,
    },
    blockedEndpoints: [],
    responseHeaders: {},
    unprintableCharFilter: true,
  });
  const [path = "", search = ""] = url.split("?");
  const response = await app({
    method,
    path,
    search,
    header: (name) => headers[name],
    body: () => Promise.resolve(new TextEncoder().encode(body)),
    signal: new AbortController().signal,
    remoteAddress: "127.0.0.9",
  });
  const raw = response.body as string | Uint8Array;
  return {
    status: response.status,
    headers: response.headers,
    text: typeof raw === "string" ? raw : new TextDecoder().decode(raw),
  };
}

async function created(name = "q"): Promise<string> {
  const body = JSON.stringify({ Name: name, Service: { Service: "web" } });
  const { text } = await send("POST", "/v1/query", { body });
  return (JSON.parse(text) as { ID: string }).ID;
}

const noConsistency = {
  "X-Consul-Index": "1",
  "X-Consul-Knownleader": "false",
  "X-Consul-Lastcontact": "0",
};

test("a query is made, shown as Consul shows it, replaced and deleted", async () => {
  const id = await created();
  const { status, text, headers } = await send("GET", `/v1/query/${id}`);
  expect([status, headers["X-Consul-Index"]]).toEqual([200, "1"]);
  const shown = `"Service":{"Service":"web","SamenessGroup":"","Failover":{"NearestN":0,"Datacenters":null,"Targets":null},"OnlyPassing":false,"IgnoreCheckIDs":null,"Near":"","Tags":null,"NodeMeta":null,"ServiceMeta":null,"Connect":false,"Peer":""}`;
  expect(text).toBe(
    `[{"ID":"${id}","Name":"q","Session":"","Token":"","Template":{"Type":"","Regexp":"","RemoveEmptyTags":false},${shown},"DNS":{"TTL":""},"CreateIndex":1,"ModifyIndex":1}]`,
  );
  const body = JSON.stringify({ ID: "ignored", Name: "r", Service: { Service: "api" } });
  expect(await send("PUT", `/v1/query/${id.toUpperCase()}`, { body })).toEqual({
    status: 200,
    headers: {},
    text: "",
  });
  expect((await send("GET", "/v1/query")).text).toContain('"Name":"r"');
  expect((await send("DELETE", `/v1/query/${id}`)).status).toBe(200);
  expect((await send("GET", "/v1/query")).text).toBe("[]");
  expect(await send("GET", `/v1/query/${id}`)).toMatchObject({
    status: 404,
    text: "Query not found",
    headers: noConsistency,
  });
});

test("a run shows its result with what a read's headers say", async () => {
  await created();
  const { text } = await send("GET", "/v1/query/q/execute");
  const rest = `"Index":1,"LastContact":0,"KnownLeader":true,"ConsistencyLevel":"leader","NotModified":false,"Backend":0,"ResultsFilteredByACLs":false}`;
  expect(text).toStartWith(`{"Service":"web","Nodes":[{"Node":{"ID":"","Node":"n1",`);
  expect(text).toEndWith(
    `"Checks":null}],"DNS":{"TTL":""},"Datacenter":"dc1","PeerName":"","Failovers":0,${rest}`,
  );
  const explained = await send("GET", "/v1/query/q/explain");
  expect(explained.text).toStartWith('{"Query":{"ID":"');
  expect(explained.text).toEndWith(rest);
});

test.each<[method: string, path: string, status: number, text: string]>([
  ["GET", "/v1/query/q", 500, "failed prepared query lookup: index error: UUID must be 36 characters"],
  ["GET", "/v1/query/nope/execute", 404, "Query not found"],
  ["GET", "/v1/query/nope/explain", 404, "Query not found"],
  ["GET", "/v1/query/q/execute?limit=x", 500, 'Bad limit: strconv.Atoi: parsing "x": invalid syntax'],
  [
    "GET",
    "/v1/query/q/explain?limit=99999999999999999999",
    500,
    'Bad limit: strconv.Atoi: parsing "99999999999999999999": value out of range',
  ],
  [
    "GET",
    "/v1/query/q/execute?connect=x",
    500,
    `Error parsing 'connect' value: strconv.ParseBool: parsing "x": invalid syntax`,
  ],
  ["POST", "/v1/query", 400, "Request decode failed: EOF"],
  [
    "PUT",
    "/v1/query/",
    500,
    "Prepared Query lookup failed: failed prepared query lookup: index error: UUID must be 36 characters",
  ],
  ["PUT", "/v1/query", 405, "method PUT not allowed"],
  ["PATCH", "/v1/query/q", 405, "method PATCH not allowed"],
  ["PUT", "/v1/query/q/execute", 405, "method PUT not allowed"],
  ["DELETE", "/v1/query/q/explain", 405, "method DELETE not allowed"],
  [
    "GET",
    "/v1/query/q/execute?stale&consistent",
    400,
    "Cannot specify ?stale with ?consistent, conflicting semantics.",
  ],
])("%s %s is answered %p %s", async (...[method, path, status, text]) => {
  await created();
  expect(await send(method, path)).toMatchObject({ status, text });
});

test.each([
  ["PATCH", "/v1/query/q", "GET,PUT,DELETE"],
  ["PUT", "/v1/query/q/execute", "GET"],
  ["PUT", "/v1/query", "OPTIONS,GET,POST"],
  ["OPTIONS", "/v1/query", "OPTIONS,GET,POST"],
  ["OPTIONS", "/v1/query/q", "OPTIONS,GET,PUT,DELETE"],
  ["OPTIONS", "/v1/query/q/execute", "OPTIONS,GET"],
  ["OPTIONS", "/v1/query/q/explain", "OPTIONS,GET"],
])("%s %s allows %s", async (method, path, allow) => {
  expect((await send(method, path)).headers["Allow"]).toBe(allow);
});

test.each([
  ['{"Bogus":1}', 'json: unknown field "Bogus"'],
  ['{"Service":{"Namespace":"a"}}', 'json: unknown field "Namespace"'],
  ['{"service":{"failover":{"targets":[{},{"X":1}]}}}', 'json: unknown field "X"'],
  ['{"Name":5}', "json: cannot unmarshal number into Go struct field PreparedQuery.Name of type string"],
  [
    '{"Service":5}',
    "json: cannot unmarshal number into Go struct field PreparedQuery.Service of type ServiceQuery",
  ],
  ["{", "invalid JSON"],
])("the body %s is refused", async (body, text) => {
  expect(await send("POST", "/v1/query", { body })).toMatchObject({
    status: 400,
    text: `Request decode failed: ${text}`,
  });
});

test("a query may be named like what is done with it", async () => {
  await created("execute");
  await created("a/execute");
  await created("é q");
  expect((await send("GET", "/v1/query/execute")).text).toContain('"Failovers":0');
  expect((await send("GET", "/v1/query/a/execute/explain")).text).toContain('"Name":"a/execute"');
  expect((await send("GET", "/v1/query/%C3%A9%20q/explain")).text).toContain('"Name":"é q"');
});

describe("what the servers are asked", () => {
  beforeEach(() => created());

  const last = (): PreparedQueryExecuteRequest => asked[0] as PreparedQueryExecuteRequest;

  test.each<[search: string, headers: Record<string, string>, wanted: object]>([
    ["", {}, { Limit: 0, Connect: false, AllowStale: false, Datacenter: "dc1" }],
    ["limit=3&connect=true", {}, { Limit: 3, Connect: true }],
    ["limit=-5&connect=0", {}, { Limit: 0, Connect: false }],
    ["connect", {}, { Connect: false }],
    ["stale", { "x-consul-token": "t" }, { AllowStale: true, Token: "t" }],
    ["", {}, { Source: { Datacenter: "dc1", Segment: "", Node: "", Ip: "127.0.0.9" } }],
    ["near=_agent", {}, { Source: { Datacenter: "dc1", Segment: "", Node: "agent-1", Ip: "127.0.0.9" } }],
    [
      "near=_ip",
      { "x-forwarded-for": " 192.0.2.1, 10.0.0.1" },
      { Source: { Datacenter: "dc1", Segment: "", Node: "_ip", Ip: "192.0.2.1" } },
    ],
    [
      "near=n7",
      { "x-forwarded-for": "unknown" },
      { Source: { Datacenter: "dc1", Segment: "", Node: "n7", Ip: "127.0.0.9" } },
    ],
    ["", {}, { Agent: { Datacenter: "dc1", Segment: "", Node: "agent-1", Ip: "" } }],
  ])("%s", async (search, headers, wanted) => {
    expect((await send("GET", `/v1/query/q/execute?${search}`, { headers })).status).toBe(200);
    expect(last()).toMatchObject(wanted);
  });

  test("what is staler than the client takes is read again", async () => {
    lastContactNs = 3e9;
    await send("GET", "/v1/query/q/execute?max_stale=5s");
    expect(asked).toHaveLength(2);
    await send("GET", "/v1/query/q/execute?max_stale=2s");
    expect(asked).toHaveLength(4);
    expect([last().AllowStale, last().MaxStaleDuration]).toEqual([false, 0]);
  });
});
