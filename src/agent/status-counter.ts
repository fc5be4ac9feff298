/** Turns single results into a status: some checks must succeed or fail several times in a row to count. */

export interface Thresholds {
  readonly successBeforePassing: number;
  readonly failuresBeforeWarning: number;
  readonly failuresBeforeCritical: number;
}

export class StatusCounter {
  readonly #thresholds: Thresholds;
  #successes: number;
  #failures: number;

  /** The first result always counts: nothing is known yet that it would have to overrule. */
  constructor(thresholds: Thresholds) {
    this.#thresholds = thresholds;
    this.#successes = thresholds.successBeforePassing;
    this.#failures = thresholds.failuresBeforeCritical;
  }

  /** The status to report after a result, or `undefined` while it does not count yet. */
  next(status: string): string | undefined {
    const { successBeforePassing, failuresBeforeWarning, failuresBeforeCritical } = this.#thresholds;
    if (status !== "critical") {
      this.#failures = 0;
      this.#successes += 1;
      return this.#successes >= successBeforePassing ? status : undefined;
    }
    this.#successes = 0;
    this.#failures += 1;
    if (this.#failures >= failuresBeforeCritical) return "critical";
    return this.#failures >= failuresBeforeWarning ? "warning" : undefined;
  }
}
