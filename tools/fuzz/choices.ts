/**
 * A string of bytes read as decisions, so that an input is a whole course of events: the same bytes, the same course.
 * Past the end every decision is the first of its choices.
 */
import { seededRng } from "../../src/lib/rng.ts";
import type { FuzzTargetPlan } from "./target.ts";

/** Numbers at which counting changes its mind. */
const tellingNumbers = [
  0,
  1,
  2,
  127,
  255,
  65_535,
  2 ** 31 - 1,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 52,
  2 ** 52 + 1,
  2 ** 53 - 2 ** 32,
  2 ** 53 - 2,
  2 ** 53 - 1,
];

export class Choices {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return byte;
  }

  /** 0 … limit - 1. */
  below(limit: number): number {
    if (limit <= 256) return this.byte() % limit;
    return (this.byte() * 16_777_216 + this.byte() * 65_536 + this.byte() * 256 + this.byte()) % limit;
  }

  /** True in `part` of `whole` cases; false past the end. */
  chance(part: number, whole: number): boolean {
    return this.below(whole) >= whole - part;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.byte());
  }

  /** A whole number ≥ 0 within 53 bits: often near `near`, at times one that is telling. */
  number(near: number): number {
    if (this.chance(1, 4)) return this.pick(tellingNumbers);
    return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, near + this.below(7) - 3));
  }
}

/**
 * A target whose inputs are courses of events; `open` answers what runs one. Any bytes are a course, so it begins with
 * short and long ones by chance.
 */
export function course(name: string, open: () => (choices: Choices) => void): FuzzTargetPlan {
  const seeds = (): readonly Uint8Array[] => {
    const rng = seededRng(1).fork(name);
    return Array.from({ length: 40 }, (_, at) => rng.bytes(40 + at * 40));
  };
  return {
    name,
    form: "course",
    open: () => {
      const run = open();
      return { seeds: seeds(), run: (input) => run(new Choices(input)) };
    },
  };
}
