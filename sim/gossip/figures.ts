/** Figures of a run, and the papers' formulas they are held against. */

/** Smallest, median, 95th percentile and largest, of at least one value. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly p95: number;
  readonly max: number;
  readonly mean: number;
}

/** The spread of some values; all `NaN` if there are none. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.ceil(share * sorted.length) - 1] ?? sorted[0] ?? Number.NaN;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { min: at(0), median: at(0.5), p95: at(0.95), max: at(1), mean };
}

/** Milliseconds as seconds. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

/** A spread of milliseconds as text. */
export function renderSpread({ min, median, p95, max, mean }: Spread): string {
  const parts = [
    `min ${seconds(min)}`,
    `median ${seconds(median)}`,
    `mean ${seconds(mean)}`,
    `p95 ${seconds(p95)}`,
    `max ${seconds(max)}`,
  ];
  return parts.join(", ");
}

/**
 * Expected time until somebody probes a dead node and the probe has failed.
 *
 * In one period each of `probers` picks one of `n` nodes, so nobody picks a given one with (1 − 1/n)^probers, about
 * e^(−probers/n): the first pick comes after 1 / (1 − that) periods on average, SWIM's e/(e − 1) for probers = n.
 * Periods are not in step, so half a period less; the verdict comes a period after the pick.
 * Source: SWIM (2002), section 3.3.
 */
export function expectedDetectionMs(o: {
  readonly n: number;
  readonly probers: number;
  readonly periodMs: number;
}): number {
  const missed = (1 - 1 / o.n) ** o.probers;
  return (1 / (1 - missed)) * o.periodMs - o.periodMs / 2 + o.periodMs;
}

/**
 * Rounds until a rumour has reached all of n nodes, each telling `fanout` others in a round:
 * log_(fanout+1) n + ln(n)/fanout.
 *
 * The first part is the growth, the second the last few. Source: Pittel, "On spreading a rumor" (1987), which SWIM's
 * λ·log n rounds rest on; what is lost on the way lessens the fanout.
 */
export function expectedRounds(n: number, fanout: number): number {
  return Math.log(n) / Math.log(fanout + 1) + Math.log(n) / fanout;
}
