import { describe, expect, test } from "bun:test";
import { assert } from "../lib/assert.ts";
import { silentLog } from "../lib/log.ts";
import { NoLeaderError } from "../lib/consensus.ts";
import { noMetrics } from "../lib/metrics.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { createApp } from "./app.ts";
import { readParams, type ReadParams } from "./read-params.ts";
import { indentJson, jsonResponse, parseJson } from "./respond.ts";
import { decodePath, QueryParams, type HttpContext, type HttpRequest, type Route } from "./types.ts";

const context: HttpContext = {
  rpc: { call: () => Promise.reject(new NoLeaderError()) },
  datacenter: "dc1",
  nodeName: "n1",
  log: silentLog,
  metrics: noMetrics,
  kvValueBytesMax: 1024,
  txnBytesMax: 1024,
};

const routes: readonly Route[] = [
  {
    pattern: "/v1/kv/",
    methods: ["GET", "PUT"],
    handle: ({ rest }) => ({ status: 200, headers: {}, body: rest }),
  },
  { pattern: "/v1/status/leader", methods: ["GET"], handle: (request) => jsonResponse(request, '"x"') },
  {
    pattern: "/v1/fails",
    methods: ["GET"],
    handle: (request, { rpc }) => rpc.call({} as never, readParams(request, context)),
  },
];

const app = createApp({
  routes,
  context,
  blockedEndpoints: [],
  responseHeaders: {},
  unprintableCharFilter: true,
});

function request(method: string, url: string): HttpRequest {
  const [path = "", search = ""] = url.split("?");
  return {
    method,
    path,
    search,
    header: () => undefined,
    body: () => Promise.resolve(new Uint8Array()),
    signal: new AbortController().signal,
    remoteAddress: "127.0.0.1",
  };
}

describe("the door", () => {
  test.each([
    { method: "GET", url: "/v1/kv/a%2Fb", status: 200, body: "a%2Fb" },
    { method: "GET", url: "/v1/kv/a//b/../c", status: 200, body: "a//b/../c" },
    { method: "OPTIONS", url: "/v1/kv/x", status: 200, body: "" },
    { method: "PATCH", url: "/v1/kv/x", status: 405, body: "method PATCH not allowed" },
    { method: "GET", url: "/v1/kv/bad%01key", status: 400, body: "" },
    { method: "GET", url: "/v1/kv/bad%zz", status: 400, body: "400 Bad Request" },
    { method: "GET", url: "/v1/status/leader", status: 200, body: '"x"' },
    {
      method: "GET",
      url: "/v1/status/leader/",
      status: 404,
      body: "Invalid URL path: not a recognized HTTP API endpoint\n",
    },
    {
      method: "GET",
      url: "/health",
      status: 404,
      body: "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n",
    },
    { method: "GET", url: "/v1/status/leader?a=%zz", status: 500, body: "" },
    { method: "GET", url: "/v1/status/leader?a;b", status: 500, body: "" },
    {
      method: "GET",
      url: "/v1/kv/x?ns=team",
      status: 400,
      body: 'Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature',
    },
    {
      method: "PUT",
      url: "/v1/kv/x?partition=p",
      status: 400,
      body: 'Invalid query parameter: "partition" - Partitions are a Consul Enterprise feature',
    },
    { method: "GET", url: "/v1/fails", status: 500, body: "No cluster leader" },
    {
      method: "GET",
      url: "/v1/fails?stale&consistent",
      status: 400,
      body: "Cannot specify ?stale with ?consistent, conflicting semantics.",
    },
    { method: "GET", url: "/v1/fails?index=-1", status: 400, body: "Invalid index" },
    { method: "GET", url: "/v1/fails?index=18446744073709551616", status: 400, body: "Invalid index" },
    {
      method: "GET",
      url: "/v1/fails?max_stale=1s&consistent",
      status: 400,
      body: "Cannot specify ?stale with ?consistent, conflicting semantics.",
    },
    { method: "GET", url: "/v1/fails?max_stale=1", status: 400, body: 'Invalid max_stale value "1"' },
    { method: "GET", url: "/v1/fails?index=1&wait=5", status: 400, body: "Invalid wait time" },
  ])("$method $url answers $status", async ({ method, url, status, body }) => {
    const answer = await app(request(method, url));
    expect({ status: answer.status, body: answer.body }).toEqual({ status, body });
  });

  test("a wrong method says which ones there are", async () => {
    expect((await app(request("DELETE", "/v1/kv/x"))).headers["Allow"]).toBe("OPTIONS,GET,PUT");
  });

  test("an unclean path outside the keys is redirected to its clean form", async () => {
    const answer = await app(request("GET", "/v1//status/./leader?pretty"));
    expect(answer.status).toBe(301);
    expect(answer.headers["Location"]).toBe("/v1/status/leader?pretty");
  });
});

test("query parameters repeat, may lack a value, and survive malformed escapes", () => {
  const query = new QueryParams("tag=a&tag=b+c&raw&x=%zz&y=%C3%BC");
  expect(query.all("tag")).toEqual(["a", "b c"]);
  expect(query.has("raw")).toBe(true);
  expect([query.get("raw"), query.get("x"), query.get("y")]).toEqual(["", "%zz", "ü"]);
});

test("a path's bytes need not be UTF-8", () => {
  expect(decodePath("a%ffb") as string).toBe("a\u00ffb");
  expect(decodePath("%C3%BC") as string).toBe("\u00c3\u00bc");
});

test("pretty JSON keeps empty collections and escaped quotes", () => {
  expect(indentJson('{"a":[],"b":{"c":"x\\"{,"}}')).toBe(
    '{\n    "a": [],\n    "b": {\n        "c": "x\\"{,"\n    }\n}\n',
  );
});

test("integers beyond 53 bits stay exact", () => {
  expect(parseJson(new TextEncoder().encode('{"Flags":18446744073709551615,"n":1.5}'))).toEqual({
    Flags: 18446744073709551615n,
    n: 1.5,
  });
});

describe("calls over a limit", () => {
  test.each([
    { text: "RPC rate limit exceeded", status: 429 },
    {
      text: "rpc error making call: rate limit exceeded, try again later or against a different server",
      status: 429,
    },
    {
      text: "rate limit exceeded for operation that can only be performed by the leader, try again later",
      status: 503,
    },
    { text: "rpc error making call: something else", status: 500 },
  ])("$text", async ({ text, status }) => {
    const limited = createApp({
      routes,
      context: { ...context, rpc: { call: () => Promise.reject(new RpcError(text)) } },
      blockedEndpoints: [],
      responseHeaders: {},
      unprintableCharFilter: true,
    });
    expect(await limited(request("GET", "/v1/fails"))).toMatchObject({ status, body: text });
  });
});

describe("writes from some networks only", () => {
  const guarded = createApp({
    routes,
    context,
    blockedEndpoints: [],
    responseHeaders: {},
    unprintableCharFilter: true,
    allowWriteFrom: ["10.0.0.0/8", "fd00::/16"],
  });

  test.each([
    { method: "PUT", remoteAddress: "127.0.0.1", status: 403 },
    { method: "PUT", remoteAddress: "10.1.2.3", status: 200 },
    { method: "PUT", remoteAddress: "::ffff:10.1.2.3", status: 200 },
    { method: "PUT", remoteAddress: "fd00::1", status: 200 },
    { method: "PUT", remoteAddress: "", status: 403 },
    { method: "GET", remoteAddress: "127.0.0.1", status: 200 },
    { method: "OPTIONS", remoteAddress: "127.0.0.1", status: 200 },
  ])("$method from '$remoteAddress' is answered with $status", async ({ method, remoteAddress, status }) => {
    expect((await guarded({ ...request(method, "/v1/kv/a"), remoteAddress })).status).toBe(status);
  });
});

describe("what every answer carries", () => {
  const dressed = createApp({
    routes,
    context,
    blockedEndpoints: [],
    responseHeaders: { "x-our-place": "here" },
    unprintableCharFilter: true,
    apiHeaders: { "X-Consul-Default-Acl-Policy": "allow" },
    alwaysPretty: true,
    uiPath: "/ui/",
  });

  test("the API says its policy, refusals included; what is beside it does not", async () => {
    const headersOf = async (url: string): Promise<unknown> => (await dressed(request("GET", url))).headers;
    const api = { "X-Our-Place": "here", "X-Consul-Default-Acl-Policy": "allow" };
    expect(await headersOf("/v1/status/leader")).toEqual({ "Content-Type": "application/json", ...api });
    expect(await headersOf("/v1/fails")).toMatchObject(api);
    expect(await headersOf("/")).toEqual({
      "Content-Type": "text/html; charset=utf-8",
      Location: "/ui/",
      "X-Our-Place": "here",
    });
  });

  test("development agents indent without being asked", async () => {
    expect((await dressed(request("GET", "/v1/status/leader"))).body).toBe('"x"\n');
  });
});

describe("reads for discovery", () => {
  const read = async (url: string, given: HttpContext): Promise<ReadParams> => {
    let seen: ReadParams | undefined;
    const pattern = url.split("?")[0] ?? "";
    const handle: Route["handle"] = (one, own) => {
      seen = readParams(one, own);
      return { status: 200, headers: {}, body: "" };
    };
    const reading = createApp({
      routes: [{ pattern, methods: ["GET"], handle }],
      context: given,
      blockedEndpoints: [],
      responseHeaders: {},
      unprintableCharFilter: true,
    });
    await reading(request("GET", url));
    assert(seen !== undefined, "the handler was called");
    return seen;
  };

  test.each([
    { url: "/v1/catalog/nodes", stale: true },
    { url: "/v1/health/service/web", stale: true },
    { url: "/v1/kv/a", stale: false },
    { url: "/v1/catalog/nodes?leader", stale: false },
    { url: "/v1/catalog/nodes?consistent", stale: false },
  ])("may be stale by default: $url $stale", async ({ url, stale }) => {
    const params = await read(url, { ...context, discoveryMaxStaleNs: 5e9 });
    expect(params.AllowStale).toBe(stale);
    expect(params.MaxStaleDuration).toBe(stale ? 5e9 : 0);
  });

  test("the long name of the datacenter goes before the short one", async () => {
    expect((await read("/v1/kv/a?dc=b&datacenter=a", context)).Datacenter).toBe("a");
    expect((await read("/v1/kv/a?dc=b", context)).Datacenter).toBe("b");
  });
});
