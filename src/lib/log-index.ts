/** The two counters of a replicated log: where an entry stands, and under which leadership it was written. */
import { assert } from "./assert.ts";
import type { Brand } from "./brand.ts";

/** Position in the replicated log. 1 is the first entry; 0 means "before the log". */
export type LogIndex = Brand<number, "LogIndex">;

/** Number of a leadership; grows for ever. 0 means "before the first election". */
export type Term = Brand<number, "Term">;

/** Marks a number as a log index; anything but a whole number ≥ 0 within 53 bits is a bug. */
export function logIndex(value: number): LogIndex {
  assert(Number.isSafeInteger(value) && value >= 0, "a log index is a whole number within 53 bits");
  return value as LogIndex;
}

/** Marks a number as a term; anything but a whole number ≥ 0 within 53 bits is a bug. */
export function term(value: number): Term {
  assert(Number.isSafeInteger(value) && value >= 0, "a term is a whole number within 53 bits");
  return value as Term;
}
