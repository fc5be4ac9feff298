import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { CatalogReader } from "./catalog-reader.ts";
import { HealthyInstances } from "./healthy.ts";
import { instance } from "./testing-catalog.ts";
import { testSettings } from "./testing.ts";

/** A server that is so far behind; the leader is not. */
function world(lastContactMs: number) {
  const asked: boolean[] = [];
  const counted: string[] = [];
  const rpc: Rpc = {
    call: (_, request) => {
      const { AllowStale } = request as { readonly AllowStale: boolean };
      asked.push(AllowStale);
      const LastContact = AllowStale ? lastContactMs * 1e6 : 0;
      return Promise.resolve({ Nodes: [instance(AllowStale ? 1 : 2)], LastContact } as never);
    },
  };
  const metrics = { ...noMetrics, count: (name: string) => void counted.push(name) };
  const reader = new CatalogReader({ rpc, log: silentLog, metrics, token: () => "" }, new HealthyInstances());
  return { asked, counted, reader };
}

const web = { service: "web", tag: "", variant: "plain", datacenter: "dc1" } as const;

describe("a read of the catalog", () => {
  test.each([
    { what: "fresh", lastContactMs: 0, allowStale: true, asks: [true], node: "n1", counts: 0 },
    { what: "a little behind", lastContactMs: 5_000, allowStale: true, asks: [true], node: "n1", counts: 0 },
    { what: "far behind", lastContactMs: 5_001, allowStale: true, asks: [true], node: "n1", counts: 1 },
    {
      what: "too far behind",
      lastContactMs: 9_001,
      allowStale: true,
      asks: [true, false],
      node: "n2",
      counts: 0,
    },
    { what: "the leader's", lastContactMs: 9_001, allowStale: false, asks: [false], node: "n2", counts: 0 },
  ])("that is $what", async ({ lastContactMs, allowStale, asks, node, counts }) => {
    const { asked, counted, reader } = world(lastContactMs);
    const settings = { ...testSettings, allowStale, maxStaleMs: 9_000 };
    const found = await reader.instances({ settings, sources: undefined }, web);
    expect(found.map(({ Node }) => Node?.Node ?? "")).toEqual([node]);
    expect(asked).toEqual([...asks]);
    expect(counted).toEqual(counts === 0 ? [] : ["dns.stale_queries"]);
  });
});
