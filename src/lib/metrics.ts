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
