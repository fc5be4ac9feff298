import { beforeEach, describe, expect, test } from "bun:test";
import { catalogCommands, catalogSnapshotPart } from "../fsm/catalog-commands.ts";
import { Fsm } from "../fsm/fsm.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { catalogEndpoints } from "../server/catalog.ts";
import { dumpEndpoints } from "../server/dumps.ts";
import { Server } from "../server/server.ts";
import { InstantConsensus, testContext } from "../server/testing.ts";
import { StateStore } from "../state/store.ts";
import { createApp, type App } from "./app.ts";
import { catalogRoutes } from "./catalog-routes.ts";
import { uiRoutes } from "./ui-routes.ts";

let app: App;

beforeEach(() => {
  const store = new StateStore();
  const consensus = new InstantConsensus(new Fsm(store, [...catalogCommands], [catalogSnapshotPart]));
  app = createApp({
    routes: [...catalogRoutes, ...uiRoutes],
    context: {
      rpc: new Server(testContext(store, consensus), [...catalogEndpoints, ...dumpEndpoints]),
      datacenter: "dc1",
      nodeName: "s1",
      log: silentLog,
      metrics: noMetrics,
      kvValueBytesMax: 1024,
      txnBytesMax: 1024,
    },
    blockedEndpoints: [],
    responseHeaders: {},
    unprintableCharFilter: true,
  });
});

async function call(
  method: string,
  target: string,
  body: object = {},
): Promise<{ readonly status: number; json(): unknown; readonly index: string | undefined }> {
  const [path = "", search = ""] = target.split("?");
  const answer = await app({
    method,
    path,
    search,
    header: () => undefined,
    body: () => Promise.resolve(new TextEncoder().encode(JSON.stringify(body))),
    signal: new AbortController().signal,
    remoteAddress: "127.0.0.1",
  });
  const text = typeof answer.body === "string" ? answer.body : "";
  return {
    status: answer.status,
    json: () => JSON.parse(text) as unknown,
    index: answer.headers["X-Consul-Index"],
  };
}

const register = (body: object): Promise<unknown> => call("PUT", "/v1/catalog/register", body);

async function twoNodes(): Promise<void> {
  await register({
    Node: "a",
    Address: "10.0.0.1",
    Service: { ID: "db1", Service: "db", Tags: ["v2", "v1"], Meta: { "external-source": "k8s" } },
    Checks: [
      { CheckID: "node", Name: "node", Status: "warning" },
      { CheckID: "own", Name: "own", Status: "passing", ServiceID: "db1" },
    ],
  });
  await register({ Node: "a", Address: "10.0.0.1", Service: { ID: "db2", Service: "db" } });
  await register({ Node: "b", Address: "10.0.0.2" });
}

describe("nodes", () => {
  test("come with all that is on them, empty lists included", async () => {
    await twoNodes();
    const { json, index } = await call("GET", "/v1/internal/ui/nodes");
    expect(json()).toMatchObject([
      { Node: "a", Address: "10.0.0.1", Services: [{ ID: "db1" }, { ID: "db2" }], Checks: [{}, {}] },
      { Node: "b", Services: [], Checks: [] },
    ]);
    expect(Number(index)).toBeGreaterThan(1);
  });

  test("can be filtered by what is on them", async () => {
    await twoNodes();
    const filter = encodeURIComponent("Services is empty");
    expect((await call("GET", `/v1/internal/ui/nodes?filter=${filter}`)).json()).toMatchObject([
      { Node: "b" },
    ]);
    expect((await call("GET", "/v1/internal/ui/nodes?filter=Nope==1")).status).toBe(400);
  });

  test("are read one by one", async () => {
    await twoNodes();
    expect((await call("GET", "/v1/internal/ui/node/b")).json()).toMatchObject({ Node: "b", Services: [] });
    expect((await call("GET", "/v1/internal/ui/node/c")).status).toBe(404);
    expect((await call("GET", "/v1/internal/ui/node/")).status).toBe(400);
  });
});

test("the catalog at a glance: the worst check decides", async () => {
  expect((await call("GET", "/v1/internal/ui/catalog-overview")).json()).toEqual({
    Nodes: null,
    Services: null,
    Checks: null,
  });
  await twoNodes();
  const counts = (Passing: number, Warning: number): object => ({
    Total: Passing + Warning,
    Passing,
    Warning,
    Critical: 0,
  });
  expect((await call("GET", "/v1/internal/ui/catalog-overview")).json()).toEqual({
    Nodes: [counts(1, 1)],
    Services: [{ Name: "db", ...counts(2, 0) }],
    Checks: [
      { Name: "node", ...counts(0, 1) },
      { Name: "own", ...counts(1, 0) },
    ],
  });
});

describe("services", () => {
  test("are summed up: instances, nodes, tags, sources, and each check once", async () => {
    await twoNodes();
    expect((await call("GET", "/v1/internal/ui/services")).json()).toEqual([
      {
        Name: "db",
        Datacenter: "dc1",
        Tags: ["v1", "v2"],
        Nodes: ["a"],
        ExternalSources: ["k8s"],
        InstanceCount: 2,
        ChecksPassing: 1,
        ChecksWarning: 1,
        ChecksCritical: 0,
        GatewayConfig: {},
        TransparentProxy: false,
        ConnectNative: false,
        ConnectedWithProxy: false,
        ConnectedWithGateway: false,
      },
    ]);
  });

  test("of peers are refused", async () => {
    expect((await call("GET", "/v1/internal/ui/services?peer=east")).status).toBe(501);
  });

  test("answer for their proxies' checks", async () => {
    await register({
      Node: "a",
      Address: "10.0.0.1",
      Service: {
        ID: "px",
        Service: "web-proxy",
        Kind: "connect-proxy",
        Port: 1,
        Proxy: { DestinationServiceName: "web", Mode: "transparent" },
      },
      Check: { CheckID: "p", Status: "critical", ServiceID: "px" },
    });
    expect((await call("GET", "/v1/internal/ui/services")).json()).toMatchObject([
      {
        Name: "web",
        Nodes: null,
        InstanceCount: 0,
        ChecksCritical: 1,
        TransparentProxy: true,
        ConnectedWithProxy: true,
      },
      { Name: "web-proxy", Kind: "connect-proxy", InstanceCount: 1, ChecksCritical: 1 },
    ]);
  });
});
