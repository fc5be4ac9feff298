import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { NoLeaderError } from "../lib/consensus.ts";
import { noMetrics } from "../lib/metrics.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { createApp } from "./app.ts";
import { indentJson, jsonResponse, parseJson, readParams } from "./respond.ts";
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
      body: "Invalid URL path: not a recognized HTTP API endpoint",
    },
    { method: "GET", url: "/v1/fails", status: 500, body: "No cluster leader" },
    {
      method: "GET",
      url: "/v1/fails?stale&consistent",
      status: 400,
      body: "Cannot specify ?stale with ?consistent, conflicting semantics.",
    },
    { method: "GET", url: "/v1/fails?index=-1", status: 400, body: "Invalid index" },
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
    '{\n    "a": [],\n    "b": {\n        "c": "x\\"{,"\n    }\n}',
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
