/** A label of a metric, for example `{ name: "method", value: "GET" }`. */
export interface MetricLabel {
  readonly name: string;
  readonly value: string;
}

/** Where a component reports what it measures. Names are dotted, without the `consul.` prefix. */
export interface Metrics {
  /** Adds `by` (default 1) to a counter. */
  count(name: string, by?: number, labels?: readonly MetricLabel[]): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: readonly MetricLabel[]): void;
  /** Records a duration in milliseconds. */
  timer(name: string, ms: number, labels?: readonly MetricLabel[]): void;
}

const nothing = (): void => undefined;

/** Discards everything; for tests and tools. */
export const noMetrics: Metrics = { count: nothing, gauge: nothing, timer: nothing };

/** The same, with `labels` before those that each measurement has. */
export function labelledMetrics(metrics: Metrics, labels: readonly MetricLabel[]): Metrics {
  // One list for one list, so that series can be found by identity.
  const joined = new WeakMap<readonly MetricLabel[], readonly MetricLabel[]>();
  const all = (own: readonly MetricLabel[] | undefined): readonly MetricLabel[] => {
    if (own === undefined) return labels;
    let both = joined.get(own);
    if (both === undefined) joined.set(own, (both = [...labels, ...own]));
    return both;
  };
  return {
    count: (name, by, own) => metrics.count(name, by, all(own)),
    gauge: (name, value, own) => metrics.gauge(name, value, all(own)),
    timer: (name, ms, own) => metrics.timer(name, ms, all(own)),
  };
}
