import { rejection } from "../lib/rejection.ts";
import { expect, test } from "bun:test";
import { ManualClock, settled } from "../lib/manual-clock.ts";
import type { StatsdParts } from "../agent/statsd-sink.ts";
import { testLoad } from "../config/testing.ts";
import { silentLog } from "../lib/log.ts";
import { MemoryNet } from "../lib/memory-net.ts";
import { NetworkError } from "../lib/network-error.ts";
import { openTelemetry } from "./telemetry.ts";

function configured(telemetry: object) {
  return testLoad("-config-file a.json", { "a.json": { bind_addr: "127.0.0.1", telemetry } }).config;
}

/** A network on which `stats` gets its address only after so many questions. */
function parts(failures: number): {
  readonly parts: StatsdParts;
  readonly clock: ManualClock;
  packets: string[];
} {
  const memory = new MemoryNet();
  const clock = new ManualClock();
  const packets: string[] = [];
  void memory.host("10.0.0.2").bindUdp({ host: "10.0.0.2", port: 8125 }, (bytes) => {
    packets.push(new TextDecoder().decode(bytes));
  });
  let left = failures;
  const net = {
    ...memory.host("10.0.0.1"),
    resolve: (host: string): Promise<readonly string[]> => {
      if (host !== "stats") return Promise.resolve([host]);
      left -= 1;
      if (left >= 0) {
        return Promise.reject(
          new NetworkError("no such host", { errno: "ENOTFOUND", address: undefined, cause: undefined }),
        );
      }
      return Promise.resolve(["10.0.0.2"]);
    },
  };
  return { parts: { net, clock, log: silentLog }, clock, packets };
}

test("a daemon whose name is not known yet is tried again", async () => {
  const { parts: net, clock, packets } = parts(3);
  using telemetry = await openTelemetry(net, configured({ dogstatsd_addr: "stats:8125" }));
  await clock.pass(1_000);
  await clock.pass(2_000);
  telemetry.registry.count("lost");
  await clock.pass(4_000);
  await settled();
  telemetry.registry.count("heard");
  await clock.pass(100);
  expect(packets).toEqual(["consul.heard:1|c\n"]);
});

test("the start fails where that is not wanted, or the address is none", async () => {
  const never = { dogstatsd_addr: "stats:8125", retry_failed_connection: false };
  expect(await rejection(openTelemetry(parts(9).parts, configured(never)))).toThrow(
    "failed to initialize telemetry: lookup stats: no such host",
  );
  expect(await rejection(openTelemetry(parts(9).parts, configured({ dogstatsd_addr: "stats" })))).toThrow(
    "failed to initialize telemetry: address stats: missing port in address",
  );
});

test("gauges carry the host where metrics are sent on, and a reload changes the filter", async () => {
  const { parts: net } = parts(0);
  const names = (json: string): readonly string[] =>
    (JSON.parse(json) as { Gauges: { Name: string }[] }).Gauges.map(({ Name }) => Name);
  using alone = await openTelemetry(net, configured({ metrics_prefix: "mine" }));
  alone.registry.gauge("a", 1);
  expect(names(alone.registry.json())).toEqual(["mine.a"]);
  using sent = await openTelemetry(net, configured({ statsd_address: "stats:8125" }));
  sent.registry.gauge("a", 1);
  expect(names(sent.registry.json())[0]).toMatch(/^consul\..+\.a$/u);
  alone.reload(configured({ prefix_filter: ["-mine.b"] }));
  alone.registry.gauge("b", 1);
  expect(names(alone.registry.json())).toEqual(["mine.a"]);
});
