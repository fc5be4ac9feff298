import { expect, test } from "bun:test";
import { check, property, array, uint8Array, integer } from "fast-check";
import { NodeService } from "../wire/structs/service.ts";
import { MetricsRegistry } from "./metrics-registry.ts";
import { listedErrors, metaProblem } from "./service-rules.ts";
import { sidecarPort } from "./sidecar.ts";
import { StatusCounter } from "./status-counter.ts";
import { TailBuffer } from "../lib/tail-buffer.ts";
import { ManualClock } from "../lib/manual-clock.ts";

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
  const results = ["passing", "critical", "critical", "passing", "critical"];
  expect(results.map((one) => counter.next(one))).toEqual([
    "passing",
    "warning",
    "critical",
    undefined,
    "warning",
  ]);
});

test("metrics show the last whole interval", async () => {
  const clock = new ManualClock();
  const registry = new MetricsRegistry(clock);
  registry.count("http.requests", 2, [{ name: "method", value: "GET" }]);
  registry.gauge("peers", 3);
  registry.timer("raft.apply", 4);
  registry.timer("raft.apply", 8);
  await clock.pass(10_000);
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
