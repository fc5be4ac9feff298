import { expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { createApp } from "./app.ts";
import { coordinateRoutes } from "./coordinate-routes.ts";

const off = createApp({
  routes: coordinateRoutes,
  context: {
    rpc: { call: () => Promise.reject(new Error("nobody is to be asked")) },
    datacenter: "dc1",
    nodeName: "n1",
    log: silentLog,
    metrics: noMetrics,
    kvValueBytesMax: 1024,
    txnBytesMax: 1024,
    coordinatesOff: true,
  },
  blockedEndpoints: [],
  responseHeaders: {},
  unprintableCharFilter: true,
});

test.each([
  ["GET", "/v1/coordinate/datacenters"],
  ["GET", "/v1/coordinate/nodes"],
  ["GET", "/v1/coordinate/node/n1"],
  ["PUT", "/v1/coordinate/update"],
])("%s %s is refused where coordinates are off", async (method, path) => {
  const answer = await off({
    method,
    path,
    search: "",
    header: () => undefined,
    body: () => Promise.resolve(new Uint8Array()),
    signal: new AbortController().signal,
    remoteAddress: "127.0.0.1",
  });
  expect(answer).toMatchObject({ status: 401, body: "Coordinate support disabled" });
});
