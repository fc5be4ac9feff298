import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { testAgent, type TestAgent } from "../agent/test-kit.ts";
import { createAgentRoutes } from "./agent-routes.ts";
import { createApp, type App } from "./app.ts";
import { createEventRoutes } from "./event-routes.ts";
import type { HttpContext, HttpRequest, HttpResponse } from "./types.ts";

interface Door extends TestAgent {
  send(method: string, url: string, body?: unknown): Promise<HttpResponse>;
}

function door(): Door {
  const parts = testAgent();
  const context = {
    rpc: parts.catalog,
    datacenter: "dc1",
    nodeName: "n1",
    log: silentLog,
    metrics: noMetrics,
    kvValueBytesMax: 1024,
    txnBytesMax: 1024,
  } as HttpContext;
  const app: App = createApp({
    routes: [
      ...createAgentRoutes(parts.agent, {
        filter: () => (value) => "CheckID" in value && value.CheckID === "keep",
      }),
      ...createEventRoutes(parts.agent),
    ],
    context,
    blockedEndpoints: [],
    responseHeaders: {},
    unprintableCharFilter: true,
  });
  return { ...parts, send: async (method, url, body) => app(request(method, url, body)) };
}

function request(method: string, url: string, body: unknown): HttpRequest {
  const [path = "", search = ""] = url.split("?");
  const text = typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
  return {
    method,
    path,
    search,
    header: () => undefined,
    body: () => Promise.resolve(new TextEncoder().encode(text)),
    signal: new AbortController().signal,
    remoteAddress: "127.0.0.1",
  };
}

function textOf({ body }: HttpResponse): string {
  return typeof body === "string" ? body : "(a stream)";
}

function json(response: HttpResponse): unknown {
  return JSON.parse(textOf(response));
}

describe("services", () => {
  test("are registered in either spelling and read back", async () => {
    const { send } = door();
    const body = {
      name: "web",
      Port: 80,
      enable_tag_override: true,
      address: "10.0.0.1",
      check: { ttl: "10s" },
    };
    expect(await send("PUT", "/v1/agent/service/register", body)).toEqual({
      status: 200,
      headers: {},
      body: "",
    });
    const read = await send("GET", "/v1/agent/service/web");
    const own = { Address: "10.0.0.1", Port: 80 };
    expect(json(read)).toMatchObject({
      ID: "web",
      Service: "web",
      Tags: [],
      Meta: {},
      TaggedAddresses: { lan_ipv4: own, wan_ipv4: own },
      EnableTagOverride: true,
      ContentHash: read.headers["X-Consul-Contenthash"],
    });
    expect(Object.keys(json(await send("GET", "/v1/agent/checks")) as object)).toEqual(["service:web"]);
  });

  test("block on their hash until they change or time is up", async () => {
    const { send, clock } = door();
    await send("PUT", "/v1/agent/service/register", { Name: "web" });
    const hash = (await send("GET", "/v1/agent/service/web")).headers["X-Consul-Contenthash"] ?? "";
    const changed = send("GET", `/v1/agent/service/web?hash=${hash}&wait=10s`);
    await send("PUT", "/v1/agent/service/register", { Name: "web", Port: 1 });
    expect(json(await changed)).toMatchObject({ Port: 1 });
    const next = (await changed).headers["X-Consul-Contenthash"] ?? "";
    expect(next).not.toBe(hash);
    const late = send("GET", `/v1/agent/service/web?hash=${next}&wait=10s`);
    clock.advance(10_001);
    expect((await late).headers["X-Consul-Contenthash"]).toBe(next);
  });

  test("bring and take their sidecar along", async () => {
    const { send, agent } = door();
    await send("PUT", "/v1/agent/service/register", {
      Name: "web",
      Port: 80,
      Connect: { sidecar_service: {} },
    });
    expect(json(await send("GET", "/v1/agent/service/web-sidecar-proxy"))).toMatchObject({
      Kind: "connect-proxy",
      Port: 21_000,
      Proxy: { DestinationServiceID: "web", LocalServicePort: 80 },
    });
    expect(agent.state.checksOf("web-sidecar-proxy", false).map(({ Type }) => Type)).toEqual([
      "tcp",
      "alias",
    ]);
    await send("PUT", "/v1/agent/service/deregister/web");
    expect(agent.state.allServices()).toEqual([]);
    agent.registrar.stop();
  });

  test.each([
    { body: "{", status: 400, text: "Request decode failed: invalid JSON" },
    { body: {}, status: 400, text: "Missing service name" },
    {
      body: { Name: "x", Bogus: 1 },
      status: 400,
      text: 'Request decode failed: json: unknown field "Bogus"',
    },
    { body: { Name: "x", Address: "0.0.0.0" }, status: 400, text: "Invalid service address" },
    {
      body: { Name: "x", Check: { HTTP: "h" } },
      status: 400,
      text: "Invalid check: Interval must be > 0 for Script",
    },
    {
      body: { Name: "x", Check: { Args: ["a"], Interval: "1s" } },
      status: 500,
      text: "Scripts are disabled",
    },
  ])("refuse $body", async ({ body, status, text }) => {
    const response = await door().send("PUT", "/v1/agent/service/register", body);
    expect(response.status).toBe(status);
    expect(textOf(response)).toStartWith(text);
  });
});

describe("health", () => {
  test.each([
    { verb: "pass", code: 200, status: "passing" },
    { verb: "warn", code: 429, status: "warning" },
    { verb: "fail", code: 503, status: "critical" },
  ])("after $verb answers $code", async ({ verb, code, status }) => {
    const { send } = door();
    await send("PUT", "/v1/agent/service/register", { Name: "web", Check: { TTL: "10s" } });
    await send("PUT", `/v1/agent/check/${verb}/service:web?note=n`);
    const byId = await send("GET", "/v1/agent/health/service/id/web");
    expect({ code: byId.status, reason: byId.headers["X-Consul-Reason"] }).toEqual({ code, reason: status });
    expect(json(byId)).toMatchObject({ AggregatedStatus: status, Checks: [{ Output: "n" }] });
    const byName = await send("GET", "/v1/agent/health/service/name/web?format=text");
    expect([byName.status, byName.body]).toEqual([code, status]);
  });

  test("maintenance weighs most, and ends", async () => {
    const { send } = door();
    await send("PUT", "/v1/agent/service/register", { Name: "web" });
    await send("PUT", "/v1/agent/service/maintenance/web?enable=true&reason=r");
    expect((await send("GET", "/v1/agent/health/service/id/web?format=text")).body).toBe("maintenance");
    await send("PUT", "/v1/agent/service/maintenance/web?enable=false");
    expect((await send("GET", "/v1/agent/health/service/id/web?format=text")).body).toBe("passing");
    expect((await send("PUT", "/v1/agent/service/maintenance/ghost?enable=true")).status).toBe(404);
    expect((await send("PUT", "/v1/agent/maintenance")).body).toBe("Missing value for enable");
  });
});

test("a service says where it runs", async () => {
  const { send } = door();
  await send("PUT", "/v1/agent/service/register", { Name: "web", Locality: { Region: "eu" } });
  expect(JSON.parse(textOf(await send("GET", "/v1/agent/services")))).toMatchObject({
    web: { Locality: { Region: "eu", Zone: "" } },
  });
});

test("checks can be filtered", async () => {
  const { send } = door();
  for (const id of ["keep", "drop"]) {
    await send("PUT", "/v1/agent/check/register", { ID: id, Name: id, TTL: "10s" });
  }
  expect(Object.keys(json(await send("GET", "/v1/agent/checks?filter=x")) as object)).toEqual(["keep"]);
});

describe("the agent itself", () => {
  test.each([
    { url: "/v1/agent/self", part: { Config: { NodeName: "n1", Server: true }, Member: { Name: "n1" } } },
    { url: "/v1/agent/version", part: { HumanVersion: "1.16.4" } },
    { url: "/v1/agent/members?wan=1", part: [{ Name: "n1.dc1" }] },
    { url: "/v1/agent/metrics", part: { Points: [], Gauges: [] } },
  ])("answers $url", async ({ url, part }) => {
    const response = await door().send("GET", url);
    expect(response.status).toBe(200);
    expect(json(response)).toMatchObject(part);
  });

  test.each([
    {
      method: "GET",
      url: "/v1/agent/metrics?format=prometheus",
      status: 415,
      text: "Prometheus is not enabled",
    },
    { method: "GET", url: "/v1/agent/monitor?loglevel=loud", status: 400, text: "Unknown log level: loud" },
    {
      method: "PUT",
      url: "/v1/agent/force-leave/x",
      status: 500,
      text: "agent: No node found with name 'x'",
    },
    { method: "PUT", url: "/v1/agent/token/default", status: 401, text: "ACL support disabled" },
    { method: "GET", url: "/v1/acl/token/self", status: 401, text: "ACL support disabled" },
    { method: "POST", url: "/v1/acl/token/x", status: 405, text: "method POST not allowed" },
    { method: "GET", url: "/v1/agent/service/ghost", status: 404, text: "unknown service ID: ghost" },
    { method: "PUT", url: "/v1/agent/check/pass/ghost", status: 404, text: 'Unknown check ID "ghost".' },
  ])("refuses $method $url", async ({ method, url, status, text }) => {
    const response = await door().send(method, url);
    expect(response.status).toBe(status);
    expect(textOf(response)).toStartWith(text);
  });
});

test("events are fired, listed and waited for", async () => {
  const { send } = door();
  expect(json(await send("PUT", "/v1/event/fire/deploy", "p"))).toMatchObject({
    Payload: "cA==",
    LTime: 0,
    Version: 1,
  });
  const listed = await send("GET", "/v1/event/list?name=deploy");
  expect(json(listed)).toMatchObject([{ Name: "deploy", LTime: 2 }]);
  const waiting = send("GET", `/v1/event/list?index=${listed.headers["X-Consul-Index"]}&wait=10s`);
  await send("PUT", "/v1/event/fire/again");
  expect((json(await waiting) as readonly unknown[]).length).toBe(2);
  expect((await send("PUT", "/v1/event/fire/x?dc=nowhere")).body).toBe("No path to datacenter");
});
