/** Where metrics go beside the HTTP API. */
import type { MetricLabel } from "../lib/metrics.ts";

export type MetricKind = "counter" | "gauge" | "sample";

/** One measurement under its whole name. */
export interface Measurement {
  readonly kind: MetricKind;
  /** With prefix, and for gauges the host: "consul.web-1.runtime.alloc_bytes". */
  readonly name: string;
  /** Samples: milliseconds, or whatever the name says. */
  readonly value: number;
  readonly labels: readonly MetricLabel[];
}

/** Takes measurements at once; must not throw nor wait. */
export interface MetricSink {
  take(measurement: Measurement): void;
}
