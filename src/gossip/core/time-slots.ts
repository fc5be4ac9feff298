/**
 * What was heard at the latest logical times, so that nothing is taken twice.
 *
 * A ring of slots by time: slot = time mod number of slots. A time that is too old for its slot to be still
 * remembered is refused, since nobody can tell whether it was heard before.
 * Source: protocol reference, gossip-serf sections 5 and 6.
 */
import { assert } from "../../lib/assert.ts";
import type { LamportTime } from "./lamport.ts";

interface Slot<T> {
  readonly time: LamportTime;
  readonly items: T[];
}

export interface TimeSlotsOptions<T> {
  readonly slots: number;
  /** Most items of one time; more are refused. */
  readonly perSlotMax: number;
  readonly isSame: (a: T, b: T) => boolean;
}

/** Why an item is not new. `known` is the usual case and worth no word. */
export type SlotVerdict = "new" | "known" | "old" | "full";

export class TimeSlots<T> {
  readonly #options: TimeSlotsOptions<T>;
  readonly #ring: (Slot<T> | undefined)[];
  #minTime = 0;

  constructor(options: TimeSlotsOptions<T>) {
    assert(options.slots > 0, "there is at least one slot");
    this.#options = options;
    this.#ring = Array.from({ length: options.slots });
  }

  /** Takes nothing before `time` from here on. */
  ignoreBefore(time: LamportTime): void {
    this.#minTime = Math.max(this.#minTime, time);
  }

  /** Remembers `item` if it is new. `now`: the clock, which has witnessed `time`. */
  take(time: LamportTime, item: T, now: LamportTime): SlotVerdict {
    if (time < this.#minTime) return "known";
    const { slots, perSlotMax, isSame } = this.#options;
    // The clock is beyond what it witnessed, unless hostile times have worn it out: then nothing is new any more.
    if (time >= now || (now > slots && time < now - slots)) return "old";
    const index = time % slots;
    const slot = this.#ring[index];
    if (slot?.time !== time) {
      this.#ring[index] = { time, items: [item] };
      return "new";
    }
    if (slot.items.some((one) => isSame(one, item))) return "known";
    if (slot.items.length >= perSlotMax) return "full";
    slot.items.push(item);
    return "new";
  }

  /** Every slot in the order of the ring; `undefined` where nothing was heard. */
  slots(): readonly ({ readonly time: LamportTime; readonly items: readonly T[] } | undefined)[] {
    return this.#ring;
  }
}
