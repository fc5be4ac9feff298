import type { Brand } from "./brand.ts";

/** Milliseconds on a clock that never runs backwards; its origin means nothing. */
export type MonotonicMs = Brand<number, "MonotonicMs">;
/** Milliseconds since 1970 as a calendar shows them; may jump. */
export type WallMs = Brand<number, "WallMs">;

/** Marks a number as monotonic milliseconds. */
export function monotonicMs(value: number): MonotonicMs {
  return value as MonotonicMs;
}

/** Marks a number as calendar milliseconds. */
export function wallMs(value: number): WallMs {
  return value as WallMs;
}

/** The only source of time below the composition root. */
export interface Clock {
  /** Never runs backwards; its origin means nothing. For every interval and deadline. */
  monotonicMs(): MonotonicMs;
  /** What a calendar shows; may jump. Only for values that people or peers will read. */
  wallMs(): WallMs;
  /** Runs `fn` once, at the earliest `delayMs` from now. Disposing cancels. */
  after(delayMs: number, fn: () => void): Disposable;
}
