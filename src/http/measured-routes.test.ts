import { expect, test } from "bun:test";
import { systemClock } from "../runtime/clock.ts";
import type { MetricLabel, Metrics } from "../lib/metrics.ts";
import { measuredRoutes } from "./measured-routes.ts";
import type { HttpContext, HttpResponse, RoutedRequest } from "./types.ts";

test("routes report their time, those of the catalog their outcome too", async () => {
  const seen: string[] = [];
  const note = (name: string, labels: readonly MetricLabel[] = []): void => {
    seen.push(`${name} ${labels.map(({ value }) => value).join(" ")}`);
  };
  const metrics: Metrics = {
    count: (name, _by, labels) => note(name, labels),
    gauge: (name, _value, labels) => note(name, labels),
    timer: (name, _ms, labels) => note(name, labels),
  };
  const answer: HttpResponse = { status: 200, headers: {}, body: "" };
  const routes = measuredRoutes(
    [
      { pattern: "/v1/kv/", methods: ["GET"], handle: () => answer },
      { pattern: "/v1/catalog/nodes", methods: ["GET"], handle: () => Promise.resolve(answer) },
      {
        pattern: "/v1/catalog/register",
        methods: ["PUT"],
        handle: () => Promise.reject(new Error("no leader")),
      },
    ],
    { clock: systemClock, metrics, nodeName: "n1" },
  );
  const request = { method: "GET" } as RoutedRequest;
  const context = {} as HttpContext;
  const [kv, nodes, register] = routes;
  expect(kv?.handle(request, context)).toBe(answer);
  expect(await nodes?.handle(request, context)).toBe(answer);
  const failed = Promise.resolve(register?.handle({ ...request, method: "PUT" }, context));
  expect(await failed.catch((error: unknown) => String(error))).toBe("Error: no leader");
  expect(seen).toEqual([
    "api.http GET v1_kv_",
    "client.api.catalog_nodes n1",
    "client.api.success.catalog_nodes n1",
    "api.http GET v1_catalog_nodes",
    "client.api.catalog_register n1",
    "client.rpc.error.catalog_register n1",
    "api.http PUT v1_catalog_register",
  ]);
});
