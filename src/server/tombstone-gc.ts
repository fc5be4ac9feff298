import type { Clock } from "../lib/clock.ts";

/** How long a tombstone keeps the index of a listing from sliding back. */
const tombstoneTtlMs = 15 * 60_000;
/** Tombstones are reaped in batches this far apart. */
const bucketMs = 30_000;

export interface TombstoneGcOptions {
  readonly clock: Clock;
  /** Proposes that the tombstones up to `index` be forgotten. */
  reap(index: number): void;
}

/** Forgets old tombstones; runs on the leader. Source: the reference's tombstone_gc.go. */
export interface TombstoneGc {
  /** A command at `index` made a tombstone. */
  hint(index: number): void;
  /** Forgets all hints: another server leads. */
  stop(): void;
}

/** Makes the reaper: one timer per bucket of time, however many tombstones fall into it. */
export function createTombstoneGc({ clock, reap }: TombstoneGcOptions): TombstoneGc {
  const buckets = new Map<number, { maxIndex: number; readonly timer: Disposable }>();
  return {
    hint(index) {
      const nowMs = clock.monotonicMs();
      const dueMs = (Math.floor((nowMs + tombstoneTtlMs) / bucketMs) + 1) * bucketMs;
      const bucket = buckets.get(dueMs);
      if (bucket !== undefined) {
        bucket.maxIndex = Math.max(bucket.maxIndex, index);
        return;
      }
      const fire = (): void => {
        const due = buckets.get(dueMs);
        buckets.delete(dueMs);
        if (due !== undefined) reap(due.maxIndex);
      };
      buckets.set(dueMs, { maxIndex: index, timer: clock.after(dueMs - nowMs, fire) });
    },
    stop() {
      for (const { timer } of buckets.values()) timer[Symbol.dispose]();
      buckets.clear();
    },
  };
}
