/**
 * Keeps what components measure in intervals of ten seconds, for the HTTP API.
 *
 * The JSON is that of the last whole interval, as the reference's in-memory sink gives it; the Prometheus
 * text counts from the start.
 */
import type { Clock } from "../lib/clock.ts";
import type { MetricLabel, Metrics } from "../lib/metrics.ts";

const intervalMs = 10_000;
const prefix = "consul.";

interface Sample {
  readonly name: string;
  readonly labels: readonly MetricLabel[];
  count: number;
  sum: number;
  sumOfSquares: number;
  min: number;
  max: number;
}
interface Gauge {
  readonly name: string;
  readonly labels: readonly MetricLabel[];
  value: number;
}
interface Interval {
  readonly startMs: number;
  readonly gauges: Map<string, Gauge>;
  readonly counters: Map<string, Sample>;
  readonly samples: Map<string, Sample>;
}

export class MetricsRegistry implements Metrics {
  readonly #clock: Clock;
  #current: Interval;
  #previous: Interval | undefined;
  readonly #totals = { counters: new Map<string, Sample>(), samples: new Map<string, Sample>() };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#current = emptyInterval(this.#intervalStart());
  }

  count(name: string, by = 1, labels: readonly MetricLabel[] = []): void {
    add(this.#now().counters, { name, labels }, by);
    add(this.#totals.counters, { name, labels }, by);
  }

  gauge(name: string, value: number, labels: readonly MetricLabel[] = []): void {
    this.#now().gauges.set(keyOf(name, labels), { name, labels, value });
  }

  timer(name: string, ms: number, labels: readonly MetricLabel[] = []): void {
    add(this.#now().samples, { name, labels }, ms);
    add(this.#totals.samples, { name, labels }, ms);
  }

  /** The last whole interval as JSON; the running one before there is any. */
  json(): string {
    const running = this.#now();
    const shown = this.#previous ?? running;
    return JSON.stringify({
      Timestamp: goTime(shown.startMs),
      Gauges: sorted(shown.gauges).map(({ name, labels, value }) => ({
        Name: prefix + name,
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
    let text = "";
    for (const { name, labels, value } of sorted(this.#now().gauges))
      text += family(name, "gauge", [[labels, "", value]]);
    for (const { name, labels, sum } of sorted(this.#totals.counters))
      text += family(name, "counter", [[labels, "", sum]]);
    for (const { name, labels, sum, count } of sorted(this.#totals.samples)) {
      text += family(name, "summary", [
        [labels, "_sum", sum],
        [labels, "_count", count],
      ]);
    }
    return text;
  }

  /** Milliseconds until the running interval ends. */
  untilNextMs(): number {
    return this.#now().startMs + intervalMs - this.#clock.wallMs();
  }

  #intervalStart(): number {
    return Math.floor(this.#clock.wallMs() / intervalMs) * intervalMs;
  }

  #now(): Interval {
    const startMs = this.#intervalStart();
    if (startMs === this.#current.startMs) return this.#current;
    this.#previous = this.#current;
    // Gauges stay until they are set again.
    this.#current = { ...emptyInterval(startMs), gauges: new Map(this.#previous.gauges) };
    return this.#current;
  }
}

function emptyInterval(startMs: number): Interval {
  return { startMs, gauges: new Map(), counters: new Map(), samples: new Map() };
}

function keyOf(name: string, labels: readonly MetricLabel[]): string {
  return labels.length === 0 ? name : `${name};${labels.map((one) => `${one.name}=${one.value}`).join(";")}`;
}

function add(
  into: Map<string, Sample>,
  { name, labels }: Pick<Sample, "name" | "labels">,
  value: number,
): void {
  const key = keyOf(name, labels);
  const known = into.get(key);
  if (known === undefined) {
    into.set(key, {
      name,
      labels,
      count: 1,
      sum: value,
      sumOfSquares: value * value,
      min: value,
      max: value,
    });
    return;
  }
  known.count += 1;
  known.sum += value;
  known.sumOfSquares += value * value;
  known.min = Math.min(known.min, value);
  known.max = Math.max(known.max, value);
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
    Name: prefix + name,
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

type Line = readonly [labels: readonly MetricLabel[], suffix: string, value: number];

function family(name: string, type: string, lines: readonly Line[]): string {
  const flat = (prefix + name).replace(/[^a-zA-Z0-9_]/g, "_");
  let text = `# HELP ${flat} ${flat}\n# TYPE ${flat} ${type}\n`;
  for (const [labels, suffix, value] of lines) {
    const inner = labels.map((one) => `${one.name}=${JSON.stringify(one.value)}`).join(",");
    text += `${flat}${suffix}${inner === "" ? "" : `{${inner}}`} ${value}\n`;
  }
  return text;
}
