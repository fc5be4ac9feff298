/**
 * How well this node itself keeps up: 0 is healthy.
 *
 * A node that is slow misses answers and accuses others wrongly. Each sign of that (a failed probe, a missing nack, an
 * accusation to refute) adds to the score and each good probe takes from it; the score stretches the probe interval, so
 * that a doubtful judge judges more slowly. Source: Lifeguard (Dadgar, Phillips, Currey 2018), LHA-Probe.
 */
import { assert } from "../../lib/assert.ts";

/** The local health score: 0 ≤ score < `multiplierMax`. */
export class Awareness {
  readonly #multiplierMax: number;
  #score = 0;

  /** `multiplierMax`: how many times longer than usual a probe may take. */
  constructor(multiplierMax: number) {
    assert(multiplierMax >= 1, "the health score has room for 0");
    this.#multiplierMax = multiplierMax;
  }

  get score(): number {
    return this.#score;
  }

  /** Adds to the score within its bounds; answers whether it changed. */
  apply(delta: number): boolean {
    const before = this.#score;
    this.#score = Math.min(Math.max(before + delta, 0), this.#multiplierMax - 1);
    return this.#score !== before;
  }

  /** `intervalMs`, stretched by the score. */
  scaledMs(intervalMs: number): number {
    return intervalMs * (this.#score + 1);
  }
}
