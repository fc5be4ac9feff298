/** What is kept of a series of measurements. */
import type { MetricLabel } from "../lib/metrics.ts";

/** Quantiles tell of this time, as in the reference. */
const quantileWindowMs = 10_000;
/** Beyond this many values in the window, quantiles tell of the latest. */
const recentCountMax = 512;
/** The quantiles that are told. */
export const quantiles: readonly number[] = [0.5, 0.9, 0.99];

/** The latest values of a series, with their times. */
export class RecentValues {
  readonly #values: number[] = [];
  readonly #timesMs: number[] = [];
  #next = 0;

  add(value: number, nowMs: number): void {
    this.#values[this.#next] = value;
    this.#timesMs[this.#next] = nowMs;
    this.#next = (this.#next + 1) % recentCountMax;
  }

  /** What fractions of the values of the last seconds do not exceed; NaN where there are none. */
  quantiles(nowMs: number): readonly number[] {
    const recent = this.#values.filter((_, at) => nowMs - (this.#timesMs[at] ?? 0) <= quantileWindowMs);
    recent.sort((a, b) => a - b);
    return quantiles.map((share) => recent[Math.ceil(share * recent.length) - 1] ?? Number.NaN);
  }
}

/** A series over one interval, or over all time. */
export interface Sample {
  readonly name: string;
  readonly labels: readonly MetricLabel[];
  count: number;
  sum: number;
  sumOfSquares: number;
  min: number;
  max: number;
  /** Wall time of the last measurement, milliseconds. */
  updatedMs: number;
}
/** A sample with its latest values, for quantiles. */
export interface Summary extends Sample {
  readonly recent: RecentValues;
}
export interface Gauge {
  readonly name: string;
  readonly labels: readonly MetricLabel[];
  value: number;
  updatedMs: number;
}
