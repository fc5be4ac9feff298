/**
 * Where components report what they measure: names and filters it, keeps it for the HTTP API, passes it on to sinks.
 *
 * The JSON is that of the last whole interval of ten seconds, as the reference's in-memory sink gives it; the
 * Prometheus text counts from the start and leaves out what has not been heard of for a while.
 */
import type { Clock } from "../lib/clock.ts";
import type { MetricLabel, Metrics } from "../lib/metrics.ts";
import { isKept, keepEverything, type FilterRules } from "./metric-filter.ts";
import type { Measurement, MetricKind, MetricSink } from "./metric-sink.ts";
import { RecentValues, type Gauge, type Sample, type Summary } from "./metric-series.ts";
import { prometheusText } from "./prometheus-text.ts";

const intervalMs = 10_000;

interface Interval {
  readonly startMs: number;
  readonly gauges: Map<string, Gauge>;
  readonly counters: Map<string, Sample>;
  readonly samples: Map<string, Sample>;
}

export interface RegistryOptions {
  /** First part of every name. */
  readonly prefix?: string;
  /** Second part of the names of gauges. */
  readonly gaugeHost?: string;
  readonly filter?: FilterRules;
  /** How long Prometheus is told of a series that is not heard of any more; absent: for ever. */
  readonly retentionMs?: number;
}

/**
 * Series of one kind. Labels hold names that anybody may ask for, of services in DNS questions among them; the oldest
 * with a label goes.
 */
const seriesMax = 8_192;

export class MetricsRegistry implements Metrics {
  readonly #clock: Clock;
  readonly #options: RegistryOptions;
  #filter: FilterRules;
  readonly #sinks = new Set<MetricSink>();
  /** Whole names by kind and name; `undefined` for what the filter drops. */
  readonly #names = { counter: new Map(), gauge: new Map(), sample: new Map() } as Record<
    MetricKind,
    Map<string, string | undefined>
  >;
  #current: Interval;
  #previous: Interval | undefined;
  readonly #totals = { counters: new Map<string, Sample>(), samples: new Map<string, Summary>() };

  constructor(clock: Clock, options: RegistryOptions = {}) {
    this.#clock = clock;
    this.#options = options;
    this.#filter = options.filter ?? keepEverything;
    this.#current = emptyInterval(this.#intervalStart());
  }

  /** Passes every measurement on. Disposing stops that. */
  addSink(sink: MetricSink): Disposable {
    this.#sinks.add(sink);
    return { [Symbol.dispose]: () => void this.#sinks.delete(sink) };
  }

  /** Other rules from here on. */
  setFilter(filter: FilterRules): void {
    this.#filter = filter;
    for (const names of Object.values(this.#names)) names.clear();
  }

  count(name: string, by = 1, labels: readonly MetricLabel[] = []): void {
    const whole = this.#whole("counter", name);
    if (whole === undefined) return;
    const nowMs = this.#clock.wallMs();
    const key = keyOf(whole, labels);
    const { counters } = this.#at(nowMs);
    measure(counters.get(key) ?? added(counters, key, emptySample(whole, labels)), by, nowMs);
    const totals = this.#totals.counters;
    measure(totals.get(key) ?? added(totals, key, emptySample(whole, labels)), by, nowMs);
    if (this.#sinks.size > 0) this.#pass({ kind: "counter", name: whole, value: by, labels });
  }

  gauge(name: string, value: number, labels: readonly MetricLabel[] = []): void {
    const whole = this.#whole("gauge", name);
    if (whole === undefined) return;
    const nowMs = this.#clock.wallMs();
    this.#at(nowMs).gauges.set(keyOf(whole, labels), { name: whole, labels, value, updatedMs: nowMs });
    if (this.#sinks.size > 0) this.#pass({ kind: "gauge", name: whole, value, labels });
  }

  timer(name: string, ms: number, labels: readonly MetricLabel[] = []): void {
    const whole = this.#whole("sample", name);
    if (whole === undefined) return;
    const nowMs = this.#clock.wallMs();
    const key = keyOf(whole, labels);
    const { samples } = this.#at(nowMs);
    measure(samples.get(key) ?? added(samples, key, emptySample(whole, labels)), ms, nowMs);
    const totals = this.#totals.samples;
    const total =
      totals.get(key) ?? added(totals, key, { ...emptySample(whole, labels), recent: new RecentValues() });
    measure(total, ms, nowMs);
    total.recent.add(ms, nowMs);
    if (this.#sinks.size > 0) this.#pass({ kind: "sample", name: whole, value: ms, labels });
  }

  /** The last whole interval as JSON; the running one before there is any. */
  json(): string {
    const running = this.#at(this.#clock.wallMs());
    const shown = this.#previous ?? running;
    return JSON.stringify({
      Timestamp: goTime(shown.startMs),
      Gauges: sorted(shown.gauges).map(({ name, labels, value }) => ({
        Name: name,
        Value: value,
        Labels: labelsOf(labels),
      })),
      Points: [],
      Counters: sorted(shown.counters).map(sampleJson),
      Samples: sorted(shown.samples).map(sampleJson),
    });
  }

  /** Everything since the start, as Prometheus reads it. */
  prometheus(): string {
    const nowMs = this.#clock.wallMs();
    const { retentionMs } = this.#options;
    const heard = <T extends { readonly updatedMs: number }>(series: Map<string, T>): readonly T[] => {
      if (retentionMs !== undefined) {
        for (const [key, { updatedMs }] of series) {
          if (nowMs - updatedMs > retentionMs) series.delete(key);
        }
      }
      return sorted(series);
    };
    const gauges = heard(this.#at(nowMs).gauges);
    const { counters, samples } = this.#totals;
    return prometheusText({ gauges, counters: heard(counters), summaries: heard(samples) }, nowMs);
  }

  /** Milliseconds until the running interval ends. */
  untilNextMs(): number {
    const nowMs = this.#clock.wallMs();
    return this.#at(nowMs).startMs + intervalMs - nowMs;
  }

  #whole(kind: MetricKind, name: string): string | undefined {
    const names = this.#names[kind];
    const known = names.get(name);
    if (known !== undefined || names.has(name)) return known;
    const { prefix = "consul", gaugeHost } = this.#options;
    const parts = [prefix, kind === "gauge" ? (gaugeHost ?? "") : "", name];
    const whole = parts.filter((part) => part !== "").join(".");
    const kept = isKept(whole, this.#filter) ? whole : undefined;
    names.set(name, kept);
    return kept;
  }

  #pass(measurement: Measurement): void {
    for (const sink of this.#sinks) sink.take(measurement);
  }

  #intervalStart(): number {
    return Math.floor(this.#clock.wallMs() / intervalMs) * intervalMs;
  }

  #at(nowMs: number): Interval {
    if (nowMs >= this.#current.startMs && nowMs < this.#current.startMs + intervalMs) return this.#current;
    this.#previous = this.#current;
    // Gauges stay until they are set again.
    this.#current = {
      ...emptyInterval(this.#intervalStart()),
      gauges: new Map(this.#previous.gauges),
    };
    return this.#current;
  }
}

function emptyInterval(startMs: number): Interval {
  return { startMs, gauges: new Map(), counters: new Map(), samples: new Map() };
}

/** Keys by the identity of label lists, since callers on hot paths pass the same list again. */
const labelKeys = new WeakMap<readonly MetricLabel[], Map<string, string>>();

function keyOf(name: string, labels: readonly MetricLabel[]): string {
  if (labels.length === 0) return name;
  let keys = labelKeys.get(labels);
  if (keys === undefined) labelKeys.set(labels, (keys = new Map()));
  let key = keys.get(name);
  if (key === undefined) {
    key = `${name};${labels.map((one) => `${one.name}=${one.value}`).join(";")}`;
    keys.set(name, key);
  }
  return key;
}

function emptySample(name: string, labels: readonly MetricLabel[]): Sample {
  return {
    name,
    labels,
    count: 0,
    sum: 0,
    sumOfSquares: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    updatedMs: 0,
  };
}

function added<T>(into: Map<string, T>, key: string, sample: T): T {
  into.set(key, sample);
  if (into.size > seriesMax) dropOldest(into);
  return sample;
}

/** Those without labels are few and stay: they go to the end of the queue. */
function dropOldest<T>(series: Map<string, T>): void {
  let left = series.size;
  for (const [key, sample] of series) {
    series.delete(key);
    if (key.includes(";") || left <= 0) return;
    series.set(key, sample);
    left -= 1;
  }
}

function measure(sample: Sample, value: number, nowMs: number): void {
  sample.count += 1;
  sample.sum += value;
  sample.sumOfSquares += value * value;
  sample.min = Math.min(sample.min, value);
  sample.max = Math.max(sample.max, value);
  sample.updatedMs = nowMs;
}

function sorted<T>(map: ReadonlyMap<string, T>): readonly T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

function labelsOf(labels: readonly MetricLabel[]): Readonly<Record<string, string>> {
  return Object.fromEntries(labels.map(({ name, value }) => [name, value]));
}

function sampleJson({
  name,
  labels,
  count,
  sum,
  sumOfSquares,
  min,
  max,
}: Sample): Readonly<Record<string, unknown>> {
  const variance = count < 2 ? 0 : Math.max(0, (count * sumOfSquares - sum * sum) / (count * (count - 1)));
  return {
    Name: name,
    Count: count,
    Rate: sum / (intervalMs / 1000),
    Sum: sum,
    Min: min,
    Max: max,
    Mean: sum / count,
    Stddev: Math.sqrt(variance),
    Labels: labelsOf(labels),
  };
}

/** Go's text of a time in UTC, in whole seconds. */
function goTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}
