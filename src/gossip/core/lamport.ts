/**
 * Logical clocks: they order what nodes say without a common calendar.
 *
 * Source: Lamport 1978; protocol reference, gossip-serf section 2.
 */
import { assert } from "../../lib/assert.ts";
import type { Brand } from "../../lib/brand.ts";

/** A reading of a logical clock. 0 means "before any". */
export type LamportTime = Brand<number, "LamportTime">;

/** Highest time that is believed; messages beyond it are refused, so that no peer can wear a clock out. */
export const lamportTimeMax = Number.MAX_SAFE_INTEGER - 1;

export function lamportTime(value: number): LamportTime {
  assert(Number.isSafeInteger(value) && value >= 0, "a logical time is a whole number, not negative");
  return value as LamportTime;
}

/** One clock. It starts at 1, so that the first message has a time above 0. */
export class LamportClock {
  #time = 1;

  /** The time the next message gets. */
  get time(): LamportTime {
    return this.#time as LamportTime;
  }

  /** Moves on by one. */
  increment(): void {
    this.witness(this.time);
  }

  /** Moves beyond `seen`, which a message carried. */
  witness(seen: LamportTime): void {
    if (seen >= this.#time) this.#time = Math.min(seen, lamportTimeMax - 1) + 1;
  }
}
