/** Go durations as plain numbers of nanoseconds, for values of a few days at most; `go-duration.ts` is exact. */
import { DecodeError } from "./errors.ts";
import { parseGoDuration, renderGoDuration } from "./go-duration.ts";

/** One second in nanoseconds. */
export const secondNs = 1e9;
/** One millisecond in nanoseconds. */
export const millisecondNs = 1e6;

/** Nanoseconds, or `undefined` if `text` is no Go duration. */
export function parseDuration(text: string): number | undefined {
  try {
    return Number(parseGoDuration(text));
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** Go's text of a duration in nanoseconds. */
export function renderDuration(ns: number): string {
  return renderGoDuration(BigInt(Math.trunc(ns)));
}
