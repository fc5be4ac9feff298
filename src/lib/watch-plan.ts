/**
 * The loop of a watch: read the view, sleep on it until it changes, hand each new one to a handler.
 *
 * A failed read is tried again after 5 s, 20 s, 45 s … up to 3 minutes, and begins anew: what it then reads
 * goes to the handler even if nothing changed, since nobody knows what was missed. Handlers run one at a
 * time; changes that come meanwhile are seen together afterwards.
 * Source: the reference's watch plan; intervals measured.
 */
import type { Clock } from "./clock.ts";
import { ProconsulError } from "./errors.ts";
import { pause } from "./pause.ts";

/** How far a view has come; the next read waits for something else. `index` is a decimal number of 64 bits. */
export type WatchMark =
  | { readonly kind: "index"; readonly index: string }
  | { readonly kind: "hash"; readonly hash: string };

/** One reading. */
export interface WatchView {
  readonly mark: WatchMark;
  /** The view as JSON on one line; two readings with the same text show the same. */
  readonly json: string;
  /** The view as JSON for people. */
  pretty(): string;
}

/** Where views come from. */
export interface WatchSource {
  /**
   * Reads at once without `last`, else as soon as the view differs from it (or after some minutes).
   * Rejects with a `ProconsulError`, also when `signal` aborts.
   */
  read(last: WatchMark | undefined, signal: AbortSignal): Promise<WatchView>;
}

/** What the loop needs. */
export interface WatchPlan {
  readonly source: WatchSource;
  readonly clock: Clock;
  /** Aborting ends the loop, also in the midst of a read. */
  readonly signal: AbortSignal;
  /** Told once for each view that is new. */
  handle(view: WatchView): Promise<void>;
  /** A read failed with `reason` and will be tried again. */
  failed(reason: string, retryMs: number): void;
  /**
   * Waits before the next try, or until `signal` aborts. Answers "news" if it came back early because it may
   * go better: then the waits begin anew. Without it nothing shortens them.
   */
  pauseRetry?(retryMs: number, signal: AbortSignal): Promise<"time" | "news">;
}

const retryBaseMs = 5_000;
const retryMaxMs = 180_000;
/** Between reads of an agent that does not let its callers wait. */
const idleMs = 1_000;

/** Runs until the signal aborts. Rejects only if the handler does, or on a bug. */
export async function runWatch(plan: WatchPlan): Promise<void> {
  const { source, clock, signal } = plan;
  let last: WatchMark | undefined;
  let handledJson: string | undefined;
  let failureCount = 0;
  while (!signal.aborted) {
    const reading = await readOnce(source, last, signal);
    if (signal.aborted) return;
    if (reading.kind === "failure") {
      failureCount += 1;
      last = undefined;
      const retryMs = Math.min(retryMaxMs, retryBaseMs * failureCount ** 2);
      plan.failed(reading.reason, retryMs);
      if (plan.pauseRetry === undefined) await pause(clock, retryMs, signal);
      else if ((await plan.pauseRetry(retryMs, signal)) === "news") failureCount = 0;
      continue;
    }
    failureCount = 0;
    const { view } = reading;
    if (last !== undefined && isSame(last, view.mark)) {
      if (view.mark.kind === "index" && view.mark.index === "0") await pause(clock, idleMs, signal);
      continue;
    }
    const isFirst = last === undefined;
    last = view.mark;
    if (!isFirst && view.json === handledJson) continue;
    handledJson = view.json;
    await plan.handle(view);
  }
}

type Reading =
  | { readonly kind: "view"; readonly view: WatchView }
  | { readonly kind: "failure"; readonly reason: string };

async function readOnce(
  source: WatchSource,
  last: WatchMark | undefined,
  signal: AbortSignal,
): Promise<Reading> {
  try {
    return { kind: "view", view: await source.read(last, signal) };
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    return { kind: "failure", reason: error.message };
  }
}

function isSame(a: WatchMark, b: WatchMark): boolean {
  if (a.kind === "index") return b.kind === "index" && a.index === b.index;
  return b.kind === "hash" && a.hash === b.hash;
}
