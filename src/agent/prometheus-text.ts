/** Metrics in Prometheus's text format. Source: prometheus.io, "Exposition formats". */
import type { MetricLabel } from "../lib/metrics.ts";
import { quantiles, type Gauge, type Sample, type Summary } from "./metric-series.ts";

export interface PrometheusSeries {
  readonly gauges: readonly Gauge[];
  readonly counters: readonly Sample[];
  readonly summaries: readonly Summary[];
}

/** The whole text; series of one name must be neighbours. */
export function prometheusText({ gauges, counters, summaries }: PrometheusSeries, nowMs: number): string {
  const text = new Families();
  for (const { name, labels, value } of gauges) text.add({ name, type: "gauge", labels }, [["", "", value]]);
  for (const { name, labels, sum } of counters) text.add({ name, type: "counter", labels }, [["", "", sum]]);
  for (const { name, labels, sum, count, recent } of summaries) {
    const found = recent.quantiles(nowMs);
    text.add({ name, type: "summary", labels }, [
      ...quantiles.map((share, at) => ["", `quantile="${share}"`, found[at] ?? Number.NaN] as const),
      ["_sum", "", sum],
      ["_count", "", count],
    ]);
  }
  return text.text;
}

interface Series {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly MetricLabel[];
}
type Line = readonly [suffix: string, extraLabel: string, value: number];

class Families {
  text = "";
  #last = "";

  add({ name, type, labels }: Series, lines: readonly Line[]): void {
    const flat = name.replace(/[^a-zA-Z0-9_]/gu, "_");
    if (flat !== this.#last) this.text += `# HELP ${flat} ${flat}\n# TYPE ${flat} ${type}\n`;
    this.#last = flat;
    const own = labels.map((one) => `${one.name.replace(/[^a-zA-Z0-9_]/gu, "_")}=${quoted(one.value)}`);
    for (const [suffix, extra, value] of lines) {
      const inner = [...own, ...(extra === "" ? [] : [extra])].join(",");
      this.text += `${flat}${suffix}${inner === "" ? "" : `{${inner}}`} ${value}\n`;
    }
  }
}

function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')}"`;
}
