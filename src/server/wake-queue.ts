/**
 * Wakes sleeping reads in slices.
 *
 * One change may wake thousands. Were all of them woken at once, every one would be rendered before the first answer
 * leaves, and nothing else would be served meanwhile: promises go on breadth first. A few are woken at once, the
 * others a slice a turn of the event loop, first come first served.
 */
import type { Clock } from "../lib/clock.ts";

/** Reads woken in one turn: some milliseconds of work. */
const sliceCount = 512;

export class WakeQueue {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  /** Reads woken in this turn, and whether its end is awaited. */
  #wokenCount = 0;
  #isTurning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `wake` once, now or in one of the next turns. */
  add(wake: () => void): void {
    if (!this.#isTurning) {
      this.#isTurning = true;
      this.#clock.after(0, () => this.#turn());
    }
    if (this.#wokenCount < sliceCount && this.#waiting.length === 0) {
      this.#wokenCount += 1;
      wake();
    } else this.#waiting.push(wake);
  }

  #turn(): void {
    const slice = this.#waiting.splice(0, sliceCount);
    this.#wokenCount = slice.length;
    this.#isTurning = slice.length > 0;
    if (this.#isTurning) this.#clock.after(0, () => this.#turn());
    for (const wake of slice) wake();
  }
}
