import { beforeEach, describe, expect, test } from "bun:test";
import { AgentCache, defaultCacheRate } from "../agent/cache.ts";
import { catalogCommands, catalogSnapshotPart } from "../fsm/catalog-commands.ts";
import { coordinateCommands, coordinateSnapshotPart } from "../fsm/coordinate-commands.ts";
import { autopilotCommands, autopilotSnapshotPart } from "../fsm/autopilot-commands.ts";
import { systemCommands, systemSnapshotPart } from "../fsm/system-commands.ts";
import { Fsm } from "../fsm/fsm.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { systemArchiveTools } from "../runtime/archive-tools.ts";
import { catalogEndpoints } from "../server/catalog.ts";
import { coordinateEndpoints } from "../server/coordinate.ts";
import { healthEndpoints } from "../server/health.ts";
import { operatorEndpoints } from "../server/operator.ts";
import { Server } from "../server/server.ts";
import { Snapshots } from "../server/snapshot.ts";
import { statusEndpoints } from "../server/status.ts";
import { InstantConsensus, stoppedClock, testContext } from "../server/testing.ts";
import { StateStore } from "../state/store.ts";
import { createApp, type App } from "./app.ts";
import { catalogRoutes } from "./catalog-routes.ts";
import { coordinateRoutes } from "./coordinate-routes.ts";
import { healthRoutes } from "./health-routes.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { snapshotRoutes } from "./snapshot-routes.ts";
import { statusRoutes } from "./status-routes.ts";

let app: App;
let store: StateStore;

beforeEach(() => {
  store = new StateStore();
  const fsm = new Fsm(
    store,
    [...catalogCommands, ...coordinateCommands, ...autopilotCommands, ...systemCommands],
    [catalogSnapshotPart, coordinateSnapshotPart, autopilotSnapshotPart, systemSnapshotPart],
  );
  const consensus = new InstantConsensus(fsm);
  const server = new Server(testContext(store, consensus), [
    ...catalogEndpoints,
    ...healthEndpoints,
    ...coordinateEndpoints,
    ...operatorEndpoints,
    ...statusEndpoints,
  ]);
  app = createApp({
    routes: [
      ...catalogRoutes,
      ...healthRoutes,
      ...coordinateRoutes,
      ...operatorRoutes,
      ...snapshotRoutes,
      ...statusRoutes,
    ],
    context: {
      rpc: server,
      datacenter: "dc1",
      nodeName: "server-1",
      log: silentLog,
      metrics: noMetrics,
      kvValueBytesMax: 512 * 1024,
      txnBytesMax: 512 * 1024,
      cache: new AgentCache({
        rpc: server,
        clock: stoppedClock,
        metrics: noMetrics,
        random: () => 0,
        rate: defaultCacheRate,
      }),
      snapshots: new Snapshots({
        consensus,
        tools: systemArchiveTools,
        clock: stoppedClock,
        datacenter: "dc1",
      }),
    },
    blockedEndpoints: [],
    responseHeaders: {},
    unprintableCharFilter: true,
  });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly bytes: Uint8Array;
}

async function call(method: string, target: string, body: unknown = ""): Promise<Answer> {
  const at = target.indexOf("?");
  const raw =
    body instanceof Uint8Array ? body : utf8.encode(typeof body === "string" ? body : JSON.stringify(body));
  const answer = await app({
    method,
    path: at < 0 ? target : target.slice(0, at),
    search: at < 0 ? "" : target.slice(at + 1),
    header: () => undefined,
    body: () => Promise.resolve(raw),
    signal: new AbortController().signal,
    remoteAddress: "127.0.0.1",
  });
  const bytes = typeof answer.body === "string" ? utf8.encode(answer.body) : (answer.body as Uint8Array);
  return { status: answer.status, headers: answer.headers, bytes, text: new TextDecoder().decode(bytes) };
}
const utf8 = new TextEncoder();

async function json(target: string): Promise<unknown> {
  const { status, text } = await call("GET", target);
  expect(status).toBe(200);
  return JSON.parse(text);
}

async function register(body: Record<string, unknown>): Promise<void> {
  const { status, text } = await call("PUT", "/v1/catalog/register", { Address: "10.0.0.1", ...body });
  expect([status, text]).toEqual([200, "true"]);
}

describe("refusals", () => {
  const put = "/v1/catalog/register";
  type Refused = readonly [method: string, target: string, body: unknown, status: number, text: string];
  const refused: readonly Refused[] = [
    ["PUT", put, { Node: "n", Bogus: 1 }, 400, 'Request decode failed: json: unknown field "Bogus"'],
    ["PUT", put, { Service: { X: 1 } }, 400, 'Request decode failed: json: unknown field "X"'],
    ["PUT", put, { Checks: [{ X: 1 }] }, 400, 'Request decode failed: json: unknown field "X"'],
    [
      "PUT",
      put,
      { Service: { Namespace: "a" } },
      400,
      'Request decode failed: json: unknown field "Namespace" - Namespaces are a Consul Enterprise feature',
    ],
    ["PUT", put, { Node: "n", PeerName: "p" }, 500, "cannot register requests with PeerName in them"],
    ["PUT", "/v1/catalog/deregister", { X: 1 }, 400, 'Request decode failed: json: unknown field "X"'],
    ["PUT", "/v1/coordinate/update", { X: 1 }, 400, 'Request decode failed: json: unknown field "X"'],
    ["PUT", put, {}, 500, "Must provide node"],
    ["PUT", put, { Node: "a" }, 500, "Must provide address if SkipNodeUpdate is not set"],
    [
      "PUT",
      put,
      { Node: "a", Address: "x", ID: "not-a-uuid" },
      500,
      "Bad node ID: uuid string is wrong length",
    ],
    ["PUT", put, { Node: "a", Address: "x", Datacenter: "nowhere" }, 500, "No path to datacenter"],
    ["PUT", put, { Node: "a", Address: "x", Service: { ID: "x" } }, 500, "Must provide service name with ID"],
    ["PUT", "/v1/catalog/deregister", {}, 500, "Must provide node"],
    ["GET", "/v1/catalog/node/", "", 400, "Missing node name"],
    ["GET", "/v1/catalog/service/", "", 400, "Missing service name"],
    ["GET", "/v1/catalog/gateway-services/", "", 400, "Missing gateway name"],
    ["GET", "/v1/catalog/nodes?dc=nowhere", "", 500, "No path to datacenter"],
    [
      "GET",
      "/v1/catalog/services?cached&consistent",
      "",
      400,
      "Cannot specify ?cached with ?consistent, conflicting semantics.",
    ],
    ["GET", "/v1/catalog/nodes?max_stale=zz", "", 400, 'Invalid max_stale value "zz"'],
    ["GET", "/v1/health/service/x?passing=maybe", "", 400, "Invalid value for ?passing"],
    ["GET", "/v1/health/state/", "", 400, "Missing check state"],
    [
      "PUT",
      "/v1/coordinate/update",
      { Node: "a", Coord: { Vec: [0], Error: 1 } },
      500,
      "incompatible coordinate",
    ],
    [
      "DELETE",
      "/v1/operator/raft/peer?id=nobody",
      "",
      500,
      'id "nobody" was not found in the Raft configuration',
    ],
    [
      "DELETE",
      "/v1/operator/raft/peer?id=a&address=b:1",
      "",
      400,
      "Must specify only one of ?id or ?address",
    ],
    ["POST", "/v1/operator/raft/transfer-leader", "", 500, "cannot find peer"],
    ["PUT", "/v1/snapshot", "", 500, "failed to decompress snapshot: EOF"],
    ["PUT", "/v1/snapshot", "garbage", 500, "failed to decompress snapshot: unexpected EOF"],
  ];
  test.each(refused)("%s %s %j", async (...[method, target, body, status, text]: Refused) => {
    const answer = await call(method, target, body);
    expect([answer.status, answer.text]).toEqual([status, text]);
  });

  test("a proxy needs a destination and a port", async () => {
    const answer = await call("PUT", put, {
      Node: "a",
      Address: "x",
      Service: { Service: "p", Kind: "connect-proxy" },
    });
    expect(answer.text).toBe(
      "2 errors occurred:\n\t* Proxy.DestinationServiceName must be non-empty for Connect proxy services\n" +
        "\t* Port must be set for a Connect proxy\n\n",
    );
  });
});

describe("catalog and health", () => {
  test("what was registered reads back, with lists where there is none", async () => {
    await register({
      Node: "a",
      Service: { Service: "web", Port: 80 },
      Check: { Name: "c", ServiceID: "web" },
    });
    expect(await json("/v1/catalog/service/WEB")).toMatchObject([
      {
        Node: "a",
        ServiceID: "web",
        ServiceTags: [],
        ServiceMeta: {},
        TaggedAddresses: null,
        CreateIndex: 1,
      },
    ]);
    expect(await json("/v1/catalog/services")).toEqual({ web: [] });
    expect(await json("/v1/health/service/web")).toMatchObject([
      {
        Service: { ID: "web", Tags: [], Meta: null },
        Checks: [{ CheckID: "c", Status: "critical", ServiceTags: [] }],
      },
    ]);
    expect(await json("/v1/health/service/web?passing")).toEqual([]);
    expect(await json("/v1/health/service/web?passing=false")).toHaveLength(1);
    expect(await json("/v1/catalog/node/nobody")).toBeNull();
    expect(await json("/v1/catalog/node-services/nobody")).toEqual({ Node: null, Services: null });
  });

  test("tags must all be there; nodes may be found by a prefix of their id", async () => {
    const ID = "cccccccc-0000-4000-8000-000000000001";
    await register({ Node: "a", ID, Service: { Service: "web", Tags: ["x", "y"] } });
    await register({ Node: "b", Service: { Service: "web", Tags: ["x"] } });
    expect(await json("/v1/catalog/service/web?tag=x")).toHaveLength(2);
    expect(await json("/v1/health/service/web?tag=X&tag=y")).toHaveLength(1);
    expect(await json("/v1/catalog/node/cccc")).toMatchObject({ Node: { Node: "a" } });
  });

  test("node-meta selects", async () => {
    await register({ Node: "a", NodeMeta: { zone: "1" }, Service: { Service: "web", Tags: ["t"] } });
    await register({ Node: "b", Service: { Service: "db" } });
    expect(await json("/v1/catalog/nodes?node-meta=zone:1")).toMatchObject([{ Node: "a" }]);
    expect(await json("/v1/catalog/services?node-meta=zone:1")).toEqual({ web: ["t"] });
    expect(await json("/v1/health/service/web?node-meta=zone:2")).toEqual([]);
  });

  test("connect finds proxies and native instances", async () => {
    const proxy = {
      Service: "side",
      Kind: "connect-proxy",
      Port: 1,
      Proxy: { DestinationServiceName: "web" },
    };
    await register({ Node: "a", Service: proxy });
    await register({ Node: "a", Service: { Service: "web", Connect: { Native: true } } });
    expect(await json("/v1/catalog/connect/web")).toMatchObject([
      { ServiceID: "side" },
      { ServiceID: "web" },
    ]);
    expect(await json("/v1/health/connect/web")).toHaveLength(2);
  });

  test("near sorts by distance, with strangers at the end", async () => {
    for (const [Node, x] of [
      ["far", 0.5],
      ["near", 0.1],
      ["self", 0],
      ["lost", undefined],
    ] as const) {
      await register({ Node });
      if (x === undefined) continue;
      const Coord = { Vec: [x, 0, 0, 0, 0, 0, 0, 0], Error: 1, Adjustment: 0, Height: 0.00001 };
      expect((await call("PUT", "/v1/coordinate/update", { Node, Coord })).status).toBe(200);
    }
    const found = (await json("/v1/catalog/nodes?near=self")) as { readonly Node: string }[];
    expect(found.map(({ Node }) => Node)).toEqual(["self", "near", "far", "lost"]);
  });

  test("a hot answer is rendered once, and anew after a change", async () => {
    await register({ Node: "a", Service: { Service: "web" } });
    const first = await call("GET", "/v1/health/service/web");
    const second = await call("GET", "/v1/health/service/web");
    expect(second.bytes).toBe(first.bytes);
    await register({ Node: "a", Check: { Name: "c", Status: "passing" } });
    expect((await call("GET", "/v1/health/service/web")).bytes).not.toBe(first.bytes);
  });

  test("a cached answer says so, follows what changes, and can be had afresh", async () => {
    await register({ Node: "a", Service: { Service: "web" } });
    const cached = async (): Promise<readonly (string | undefined)[]> => {
      const { headers, text } = await call("GET", "/v1/health/service/web?cached");
      const { length } = (JSON.parse(text) as { Checks: unknown[] }[])[0]?.Checks ?? [];
      return [headers["X-Cache"], headers["Age"], String(length)];
    };
    expect(await cached()).toEqual(["MISS", undefined, "0"]);
    expect(await cached()).toEqual(["HIT", "0", "0"]);
    await register({ Node: "a", Check: { Name: "c", Status: "passing" } });
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(await cached()).toEqual(["HIT", "0", "1"]);
    for (const path of ["catalog/services", "catalog/service/web", "catalog/datacenters"]) {
      const seen = [];
      for (let time = 0; time < 2; time += 1)
        seen.push((await call("GET", `/v1/${path}?cached`)).headers["X-Cache"]);
      expect(seen).toEqual(["MISS", "HIT"]);
    }
  });

  test("checks tell when their status last changed, to those who ask", async () => {
    await register({ Node: "a", Service: { Service: "web" }, Check: { Name: "c", ServiceID: "web" } });
    const LastTransition = "2023-11-14T22:13:20Z";
    expect(await json("/v1/health/checks/web?timestamps")).toMatchObject([{ CheckID: "c", LastTransition }]);
    expect(await json("/v1/health/service/web?timestamps")).toMatchObject([{ Checks: [{ LastTransition }] }]);
    for (const path of ["checks/web", "service/web", "node/a", "state/any"])
      expect((await call("GET", `/v1/health/${path}`)).text).not.toContain("LastTransition");
  });

  test("a blocked read sleeps through other services and wakes for its own", async () => {
    await register({ Node: "a", Service: { Service: "web" } });
    const index = (await call("GET", "/v1/health/service/web")).headers["X-Consul-Index"];
    let answered = false;
    const waiting = call("GET", `/v1/health/service/web?index=${index}`).then((answer) => {
      answered = true;
      return answer;
    });
    await register({ Node: "b", Service: { Service: "db" } });
    await Promise.resolve();
    expect(answered).toBe(false);
    await register({ Node: "a", Service: { Service: "web", Port: 1 } });
    expect((await waiting).headers["X-Consul-Index"]).toBe("3");
  });
});

describe("operators", () => {
  test("see servers, leader and peers", async () => {
    expect(await json("/v1/status/leader")).toBe("127.0.0.1:8300");
    expect(await json("/v1/status/peers")).toEqual(["127.0.0.1:8300"]);
    expect(await json("/v1/operator/raft/configuration")).toMatchObject({
      Servers: [{ Node: "server-1", Leader: true, Voter: true, ProtocolVersion: "3" }],
    });
    expect(await json("/v1/operator/autopilot/health")).toMatchObject({
      Healthy: true,
      Servers: [{ SerfStatus: "alive", LastContact: "0s", StableSince: "2023-11-14T22:13:20Z" }],
    });
    expect(await json("/v1/operator/autopilot/state")).toMatchObject({
      Leader: "11111111-0000-4000-8000-000000000001",
      Servers: {
        "11111111-0000-4000-8000-000000000001": { Status: "leader", StableSince: "2023-11-14T22:13:19.5Z" },
      },
    });
    expect(await json("/v1/operator/usage")).toMatchObject({
      Usage: { dc1: { Nodes: 0 } },
      KnownLeader: true,
    });
  });

  test("change autopilot's settings, by compare-and-set if they like", async () => {
    const path = "/v1/operator/autopilot/configuration";
    expect(await json(path)).toMatchObject({ LastContactThreshold: "200ms", CreateIndex: 1, ModifyIndex: 1 });
    expect((await call("PUT", `${path}?cas=7`, { MaxTrailingLogs: 9 })).text).toBe("false");
    expect((await call("PUT", `${path}?cas=1`, { MaxTrailingLogs: 9 })).text).toBe("true");
    expect(await json(path)).toMatchObject({
      MaxTrailingLogs: 9,
      ServerStabilizationTime: "10s",
      CreateIndex: 1,
    });
    expect((await call("PUT", path, { LastContactThreshold: "soon" })).status).toBe(400);
  });

  test("save and restore everything, indexes included", async () => {
    await register({
      Node: "a",
      Service: { Service: "web", Port: 1 },
      Check: { Name: "c", ServiceID: "web" },
    });
    await call("PUT", "/v1/coordinate/update", {
      Node: "a",
      Coord: { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1 },
    });
    const before = [
      await json("/v1/health/service/web"),
      await json("/v1/coordinate/nodes"),
      [...store.tables.indexes.entries()],
    ];
    const saved = await call("GET", "/v1/snapshot");
    expect(saved.headers).toMatchObject({ "X-Consul-Knownleader": "true", "X-Consul-Index": "2" });
    await call("PUT", "/v1/catalog/deregister", { Node: "a" });
    expect(await json("/v1/health/service/web")).toEqual([]);
    expect((await call("PUT", "/v1/snapshot", saved.bytes)).status).toBe(200);
    expect([
      await json("/v1/health/service/web"),
      await json("/v1/coordinate/nodes"),
      [...store.tables.indexes.entries()],
    ]).toEqual(before);
  });
});

describe("filters", () => {
  beforeEach(async () => {
    for (const [index, node] of ["a", "b"].entries()) {
      await register({
        Node: node,
        NodeMeta: { rack: node },
        Service: { Service: "web", Tags: [`on-${node}`], Port: 80 + index },
        Check: { Node: node, CheckID: `web-${node}`, Status: node === "a" ? "passing" : "critical" },
      });
    }
  });

  type Filtered = readonly [path: string, expression: string];
  const pathsOfB: readonly Filtered[] = [
    ["/v1/catalog/nodes", "Meta.rack == b"],
    ["/v1/catalog/service/web", "ServicePort == 81"],
    ["/v1/health/service/web", "Checks.Status == critical"],
    ["/v1/health/state/any", "CheckID matches `-b$`"],
  ];

  test.each(pathsOfB)("%s keeps the rows that fit, for this caller only", async (...[path, expression]) => {
    const both = await json(path);
    const kept = (await json(`${path}?filter=${encodeURIComponent(expression)}`)) as unknown[];
    expect(both).toHaveLength(2);
    expect(kept).toEqual([(both as unknown[])[1]]);
    expect(await json(path)).toEqual(both);
  });

  test("a node's services and checks, and the list of services", async () => {
    expect(await json("/v1/catalog/node/a?filter=Port==81")).toMatchObject({ Services: {} });
    expect(await json("/v1/catalog/node-services/a?filter=Port==80")).toMatchObject({
      Services: [{ Service: "web" }],
    });
    expect(await json("/v1/health/node/a?filter=Status!=passing")).toEqual([]);
    expect(await json("/v1/catalog/services?filter=Node==b")).toEqual({ web: ["on-b"] });
  });

  test("a faulty expression is the client's fault", async () => {
    const { status, text, headers } = await call("GET", "/v1/catalog/nodes?filter=Nope==x");
    expect(status).toBe(400);
    expect(text).toBe('Failed to create boolean expression evaluator: Selector "Nope" is not valid');
    expect(headers["X-Consul-Index"]).toBe("1");
  });
});
