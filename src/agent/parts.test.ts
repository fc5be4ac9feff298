import { describe, expect, test } from "bun:test";
import { check, property, array, uint8Array, integer } from "fast-check";
import { NodeService } from "../wire/structs/service.ts";
import { EventLog } from "./events.ts";
import { MetricsRegistry } from "./metrics-registry.ts";
import { listedErrors, metaProblem } from "./service-rules.ts";
import { sidecarPort } from "./sidecar.ts";
import { StatusCounter } from "./status-counter.ts";
import { TailBuffer } from "../lib/tail-buffer.ts";
import { ManualClock } from "./test-kit.ts";

test("a tail keeps the last bytes and counts all", () => {
  const outcome = check(
    property(
      array(uint8Array({ maxLength: 20 }), { maxLength: 20 }),
      integer({ min: 1, max: 30 }),
      (chunks, bytesMax) => {
        const tail = new TailBuffer(bytesMax);
        for (const chunk of chunks) tail.write(chunk);
        const all = chunks.flatMap((chunk) => [...chunk]);
        const captured = tail.captured();
        expect([...captured.tail]).toEqual(all.slice(-bytesMax));
        expect(captured.bytesTotal).toBe(all.length);
      },
    ),
    { numRuns: 200 },
  );
  expect(outcome.failed).toBe(false);
});

test("a status counts after enough results in a row", () => {
  const counter = new StatusCounter({
    successBeforePassing: 2,
    failuresBeforeWarning: 1,
    failuresBeforeCritical: 2,
  });
  const results = ["passing", "passing", "critical", "critical", "passing", "critical"];
  expect(results.map((one) => counter.next(one))).toEqual([
    undefined,
    "passing",
    "warning",
    "critical",
    undefined,
    "warning",
  ]);
});

describe("events", () => {
  const make = (): EventLog => {
    let count = 0;
    return new EventLog({
      nodeName: "n1",
      uuid: () => `00000000-0000-0000-0000-${String((count += 1)).padStart(12, "0")}`,
      services: () => [NodeService.make({ ID: "web", Service: "web", Tags: ["a"] })],
    });
  };
  const input = { Name: "e", Payload: null, NodeFilter: "", ServiceFilter: "", TagFilter: "" };

  test("keeps the last 256 with growing times; the answer of firing has none", () => {
    const log = make();
    for (let i = 0; i < 300; i += 1) expect(log.fire(input).LTime).toBe(0);
    const times = log.list("").map(({ LTime }) => LTime);
    expect(times.length).toBe(256);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test.each([
    { given: { NodeFilter: "^n" }, kept: 1 },
    { given: { NodeFilter: "^x" }, kept: 0 },
    { given: { ServiceFilter: "web" }, kept: 1 },
    { given: { ServiceFilter: "web", TagFilter: "b" }, kept: 0 },
  ])("filter $given keeps $kept", ({ given, kept }) => {
    const log = make();
    log.fire({ ...input, ...given });
    expect(log.list("e").length).toBe(kept);
  });

  test.each([
    { given: { TagFilter: "x" }, text: "Cannot provide tag filter without service filter" },
    { given: { NodeFilter: "[" }, text: "Invalid node filter" },
  ])("refuses $given", ({ given, text }) => {
    expect(() => make().fire({ ...input, ...given })).toThrow(text);
  });

  test("the index folds the UUID", () => {
    const log = make();
    expect(log.indexOf([])).toBe(1n);
    const event = { ...log.fire(input), ID: "00000000-0000-0001-0000-000000000003" };
    expect(log.indexOf([event])).toBe(2n);
  });
});

test("metrics show the last whole interval", async () => {
  const clock = new ManualClock();
  const registry = new MetricsRegistry(clock);
  registry.count("http.requests", 2, [{ name: "method", value: "GET" }]);
  registry.gauge("peers", 3);
  registry.timer("raft.apply", 4);
  registry.timer("raft.apply", 8);
  await clock.advance(10_000);
  const shown = JSON.parse(registry.json()) as Record<string, readonly Record<string, unknown>[]>;
  expect(shown["Counters"]?.[0]).toMatchObject({
    Name: "consul.http.requests",
    Count: 1,
    Sum: 2,
    Labels: { method: "GET" },
  });
  expect(shown["Samples"]?.[0]).toMatchObject({ Count: 2, Mean: 6, Min: 4, Max: 8 });
  expect(registry.prometheus()).toContain('consul_http_requests{method="GET"} 2\n');
});

test("metadata and error texts are the reference's", () => {
  expect(metaProblem("", { "consul-x": "v" })).toBe(
    "Couldn't load metadata pair ('consul-x', 'v'): Key prefix 'consul-' is reserved for internal use",
  );
  expect(listedErrors(["a", "b"])).toBe("2 errors occurred:\n\t* a\n\t* b\n\n");
});

test("sidecars get the lowest free port, and keep theirs", () => {
  const taken = NodeService.make({ ID: "x", Port: 21_000 });
  expect(sidecarPort("y", [taken], { min: 21_000, max: 21_001 })).toBe(21_001);
  expect(sidecarPort("x", [taken], { min: 21_000, max: 21_001 })).toBe(21_000);
  expect(() => sidecarPort("y", [taken], { min: 21_000, max: 21_000 })).toThrow(
    "none left in the configured range",
  );
});
