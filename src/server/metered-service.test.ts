import { expect, test } from "bun:test";
import type { MetricLabel, Metrics } from "../lib/metrics.ts";
import type { RpcService } from "../rpc/service.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { catalogRegister, healthServiceNodes, kvsGet } from "../wire/rpc/methods.ts";
import {
  IndexedCheckServiceNodes,
  RegisterRequest,
  ServiceSpecificRequest,
} from "../wire/structs/catalog.ts";
import { IndexedDirEntries, KeyRequest } from "../wire/structs/kv.ts";
import { MeteredService } from "./metered-service.ts";

test("reads, waits and writes are counted", async () => {
  const seen: string[] = [];
  const note =
    (kind: string) =>
    (name: string, value?: number, labels: readonly MetricLabel[] = []): void => {
      const shown = kind === "gauge" ? [String(value)] : [];
      seen.push([name, ...shown, ...labels.map((one) => one.value)].join(" "));
    };
  const metrics: Metrics = { count: note("count"), gauge: note("gauge"), timer: note("timer") };
  const replies: Readonly<Record<string, unknown>> = {
    "KVS.Get": IndexedDirEntries.zero,
    "Health.ServiceNodes": IndexedCheckServiceNodes.zero,
    "Catalog.Register": {},
  };
  const inner: RpcService = {
    methodNamed: () => undefined,
    hasService: () => true,
    call: <_Q, R>(method: { readonly name: string }) => Promise.resolve(replies[method.name] as R),
    callNow: <_Q, R>(method: { readonly name: string }) => replies[method.name] as R,
  };
  const service = new MeteredService(inner, { clock: new ManualClock(), metrics });
  const taken = (): readonly string[] => seen.splice(0);

  await service.call(kvsGet, KeyRequest.zero);
  expect(taken()).toEqual(["rpc.query"]);
  service.callNow(kvsGet, KeyRequest.zero);
  expect(taken()).toEqual(["rpc.query"]);
  await service.call(kvsGet, { ...KeyRequest.zero, MinQueryIndex: 4, RequireConsistent: true });
  expect(taken()).toEqual([
    "rpc.query",
    "rpc.queries_blocking 1",
    "rpc.consistentRead",
    "rpc.queries_blocking 0",
  ]);
  await service.call(catalogRegister, RegisterRequest.zero);
  expect(taken()).toEqual(["catalog.register"]);
  const web = ServiceSpecificRequest.make({ ServiceName: "web", ServiceTags: ["b", "a"] });
  await service.call(healthServiceNodes, web);
  expect(taken()).toEqual([
    "rpc.query",
    "health.service.query web",
    "health.service.query-tags web a b",
    "health.service.not-found web",
  ]);
});
