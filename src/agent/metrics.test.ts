import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { MemoryNet } from "../lib/memory-net.ts";
import { isKept } from "./metric-filter.ts";
import { MetricsRegistry } from "./metrics-registry.ts";
import { statsdLine, StatsdSink, type StatsdFlavour } from "./statsd-sink.ts";
import { ManualClock, settled } from "../lib/manual-clock.ts";

describe("filters", () => {
  const rules = { allowed: ["consul.raft.apply", "consul.rpc"], blocked: ["consul.raft", "consul.rpc"] };
  test.each([
    { name: "consul.kvs.apply", whenDefault: true, kept: true },
    { name: "consul.kvs.apply", whenDefault: false, kept: false },
    { name: "consul.raft.commitTime", whenDefault: true, kept: false },
    { name: "consul.raft.apply", whenDefault: false, kept: true },
    { name: "consul.rpc.query", whenDefault: true, kept: false },
  ])("$name, by default $whenDefault", ({ name, whenDefault, kept }) => {
    expect(isKept(name, { ...rules, isDefaultAllowed: whenDefault })).toBe(kept);
  });
});

interface Shown {
  readonly Name: string;
  readonly Value?: number;
}

function shown(
  registry: MetricsRegistry,
): Readonly<Record<"Gauges" | "Counters" | "Samples", readonly Shown[]>> {
  return JSON.parse(registry.json()) as ReturnType<typeof shown>;
}

describe("names", () => {
  test("begin with the prefix, those of gauges with the host too, and are filtered whole", () => {
    const registry = new MetricsRegistry(new ManualClock(), {
      prefix: "mine",
      gaugeHost: "web-1",
      filter: { allowed: [], blocked: ["mine.rpc"], isDefaultAllowed: true },
    });
    registry.gauge("a", 1);
    registry.count("b");
    registry.timer("c", 1);
    registry.count("rpc.query");
    const { Gauges, Counters, Samples } = shown(registry);
    expect([Gauges, Counters, Samples].map((list) => list.map(({ Name }) => Name))).toEqual([
      ["mine.web-1.a"],
      ["mine.b"],
      ["mine.c"],
    ]);
    registry.setFilter({ allowed: ["mine.rpc"], blocked: [], isDefaultAllowed: false });
    registry.count("rpc.query");
    registry.count("d");
    expect(shown(registry).Counters.map(({ Name }) => Name)).toEqual(["mine.b", "mine.rpc.query"]);
  });
});

test("names that anybody may make up do not fill the memory, nor drive out the rest", () => {
  const registry = new MetricsRegistry(new ManualClock());
  registry.count("rpc.query");
  for (let index = 0; index < 20_000; index += 1)
    registry.count("health.service.query", 1, [{ name: "service", value: `made-up-${index}` }]);
  registry.count("rpc.query");
  const { Counters: counters } = shown(registry);
  expect(counters.length).toBe(8_192);
  expect(counters.find(({ Name: name }) => name.endsWith("rpc.query"))).toMatchObject({ Count: 2 });
});

describe("Prometheus", () => {
  test("summaries tell quantiles of the last ten seconds", async () => {
    const clock = new ManualClock();
    const registry = new MetricsRegistry(clock);
    for (let ms = 1; ms <= 100; ms += 1) registry.timer("t", ms, [{ name: "path", value: 'a"b' }]);
    expect(registry.prometheus()).toBe(
      [
        "# HELP consul_t consul_t",
        "# TYPE consul_t summary",
        'consul_t{path="a\\"b",quantile="0.5"} 50',
        'consul_t{path="a\\"b",quantile="0.9"} 90',
        'consul_t{path="a\\"b",quantile="0.99"} 99',
        'consul_t_sum{path="a\\"b"} 5050',
        'consul_t_count{path="a\\"b"} 100',
        "",
      ].join("\n"),
    );
    await clock.pass(10_001);
    expect(registry.prometheus()).toContain('quantile="0.5"} NaN');
  });

  test("a name is described once, however many labels it has", () => {
    const registry = new MetricsRegistry(new ManualClock());
    registry.count("c", 1, [{ name: "a", value: "1" }]);
    registry.count("c", 2, [{ name: "a", value: "2" }]);
    expect(registry.prometheus().match(/# TYPE/gu)).toHaveLength(1);
  });

  test("what is not heard of for the retention time is left out", async () => {
    const clock = new ManualClock();
    const registry = new MetricsRegistry(clock, { retentionMs: 60_000 });
    registry.count("old");
    registry.gauge("gone", 1);
    await clock.pass(50_000);
    registry.count("new");
    await clock.pass(20_000);
    expect(registry.prometheus()).toBe(
      "# HELP consul_new consul_new\n# TYPE consul_new counter\nconsul_new 1\n",
    );
  });
});

describe("lines", () => {
  const statsd: StatsdFlavour = { kind: "statsd" };
  const dogstatsd: StatsdFlavour = { kind: "dogstatsd", tags: ["env:prod", "team"], hostName: "web-1" };
  const labels = [
    { name: "method", value: "GET" },
    { name: "path", value: "v1 kv:" },
  ];
  test.each([
    [{ kind: "gauge", name: "consul.web-1.a", value: 1.5, labels: [] }, statsd, "consul.web-1.a:1.500000|g"],
    [{ kind: "counter", name: "consul.b", value: 2, labels }, statsd, "consul.b.GET.v1_kv_:2.000000|c"],
    [{ kind: "sample", name: "consul.c d", value: 0.1, labels: [] }, statsd, "consul.c_d:0.100000|ms"],
    [
      { kind: "gauge", name: "consul.web-1.a", value: 1.5, labels: [] },
      dogstatsd,
      "consul.a:1.5|g|#env:prod,team",
    ],
    [
      { kind: "counter", name: "consul.b", value: 2.7, labels },
      dogstatsd,
      "consul.b:2|c|#env:prod,team,method:GET,path:v1_kv_",
    ],
    [
      { kind: "sample", name: "consul.c", value: 3, labels: [{ name: "x", value: "" }] },
      { ...dogstatsd, tags: [] },
      "consul.c:3.000000|ms|#x",
    ],
  ] as const)("%j", (measurement, flavour, line) => {
    expect(statsdLine(measurement, flavour)).toBe(line);
  });
});

describe("sinks", () => {
  const utf8 = new TextDecoder();

  test("statsd gets packets a tenth of a second apart, or when one is full", async () => {
    const clock = new ManualClock();
    const memory = new MemoryNet();
    const packets: string[] = [];
    await memory.host("10.0.0.2").bindUdp({ host: "10.0.0.2", port: 8125 }, (bytes) => {
      packets.push(utf8.decode(bytes));
    });
    const registry = new MetricsRegistry(clock);
    const parts = { net: memory.host("10.0.0.1"), clock, log: silentLog };
    const sink = new StatsdSink(parts, "10.0.0.2:8125", { kind: "statsd" });
    registry.addSink(sink);
    registry.count("lost");
    await settled();
    registry.count("a");
    registry.gauge("b", 1);
    await clock.pass(99);
    expect(packets).toEqual([]);
    await clock.pass(1);
    expect(packets).toEqual(["consul.a:1.000000|c\nconsul.b:1.000000|g\n"]);
    for (let i = 0; i < 100; i += 1) registry.count("0123456789");
    await settled();
    expect(packets.length).toBe(3);
    expect(Math.max(...packets.map((one) => one.length))).toBeLessThanOrEqual(1_400);
    registry.count("last");
    sink[Symbol.dispose]();
    await settled();
    expect(packets.at(-1)).toEndWith("consul.last:1.000000|c\n");
  });

  test("statsite is connected to again after a while", async () => {
    const clock = new ManualClock();
    const memory = new MemoryNet();
    let received = "";
    const parts = { net: memory.host("10.0.0.1"), clock, log: silentLog };
    const registry = new MetricsRegistry(clock);
    using sink = new StatsdSink(parts, "10.0.0.2:8125", { kind: "statsite" });
    registry.addSink(sink);
    await clock.pass(1_000);
    registry.count("lost");
    await memory.host("10.0.0.2").listen({ host: "10.0.0.2", port: 8125 }, (connection) => {
      connection.handle({
        data: (bytes) => (received += utf8.decode(bytes)),
        ended: () => undefined,
        closed: () => undefined,
      });
    });
    await clock.pass(5_000);
    registry.count("heard", 1, [{ name: "a", value: "x" }]);
    await clock.pass(100);
    expect(received).toBe("consul.heard.x:1.000000|c\n");
  });
});
