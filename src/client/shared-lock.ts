/**
 * What a lock and a semaphore have in common: the way they are taken, watched and given back.
 *
 * The keys are those of the reference's Go client, so that its locks and ours exclude one another.
 */
import { posix } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { ProconsulError } from "../lib/errors.ts";
import { pause } from "../lib/pause.ts";
import { StatusError, TransportError } from "./errors.ts";
import type { HttpClient, ReadOptions } from "./http-client.ts";
import type { NewSession } from "./session.ts";

/** A lock or one place of a semaphore. Every method rejects with a `ProconsulError`. */
export interface SharedLock {
  /**
   * Waits for the lock. The signal of the answer aborts when it is lost, for whatever reason;
   * `undefined` if `stop` aborted or the time was up first.
   */
  acquire(stop: AbortSignal): Promise<AbortSignal | undefined>;
  /** Gives the lock back. */
  release(): Promise<void>;
  /** Removes what the lock left in the store, unless somebody uses it. */
  destroy(): Promise<"removed" | "in-use">;
}

/** How to take a lock. */
export interface LockOptions {
  readonly client: HttpClient;
  readonly clock: Clock;
  readonly sessionName: string;
  /** Give up after this time; wait for ever if absent. */
  readonly tryMs: number | undefined;
  /** How often in a row the agent may fail to tell whether the lock is still held. */
  readonly monitorRetryCount: number;
}

/** What a lock cannot be used for; the texts are the reference's. */
export class LockError extends ProconsulError {
  readonly code = "lock";
}

/** Name of the key below a prefix that those who want the lock agree on. */
export const lockKeyName = ".lock";
/** How long a session of a lock lives without being renewed. */
const sessionTtl = "15s";
/** How long one question waits for the lock to be free. */
const questionMs = 15_000;
/** Between attempts while a lock delay is in force, which nothing announces the end of. */
const lockDelayRetryMs = 5_000;
const monitorRetryMs = 1_000;

/** The session that a lock with `options` is held with. */
export function lockSession(options: LockOptions): NewSession {
  return { name: options.sessionName, ttl: sessionTtl };
}

/** `prefix` and `name` as one key, cleaned as Go's `path.Join` does. */
export function joinKey(prefix: string, name: string): string {
  return posix.join(prefix, name);
}

/** `work`, whose failure is told with what it was for. */
export async function during<Value>(what: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    throw new LockError(`${what}: ${error.message}`, { cause: error });
  }
}

/** What an attempt to take a lock came to. */
export type Attempt =
  | { readonly kind: "held" }
  /** Somebody else has it; something changes after this index. */
  | { readonly kind: "taken"; readonly index: string }
  /** Nobody has it, and yet it is not given: a lock delay, or somebody was faster. */
  | { readonly kind: "refused"; readonly retry: "at-once" | "later" };

/** Attempts until one succeeds; false if `stop` aborted or the time was up first. */
export async function contend(
  options: LockOptions,
  stop: AbortSignal,
  attempt: (reading: ReadOptions) => Promise<Attempt>,
): Promise<boolean> {
  const { clock, tryMs } = options;
  const startMs = clock.monotonicMs();
  const leftMs = (): number => (tryMs === undefined ? questionMs : tryMs - (clock.monotonicMs() - startMs));
  let index = "0";
  for (let isFirst = true; !stop.aborted; isFirst = false) {
    if (!isFirst && tryMs !== undefined && leftMs() <= 0) return false;
    let outcome: Attempt;
    try {
      outcome = await attempt({ index, waitMs: leftMs(), signal: stop });
    } catch (error) {
      if (stop.aborted && error instanceof ProconsulError) return false;
      throw error;
    }
    if (outcome.kind === "held") return true;
    index = outcome.kind === "taken" ? outcome.index : "0";
    if (outcome.kind === "refused" && outcome.retry === "later") {
      await pause(clock, Math.min(lockDelayRetryMs, Math.max(1, leftMs())), stop);
    }
  }
  return false;
}

/** Resolves once `holds` says no, or cannot be asked more often in a row than the options allow. */
export async function untilLost(
  options: LockOptions,
  over: AbortSignal,
  holds: (reading: ReadOptions) => Promise<{ readonly holds: boolean; readonly index: string }>,
): Promise<void> {
  let index = "0";
  let retriesLeft = options.monitorRetryCount;
  while (!over.aborted) {
    try {
      const answer = await holds({ index, consistent: true, signal: over });
      if (!answer.holds) return;
      ({ index } = answer);
      retriesLeft = options.monitorRetryCount;
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      if (over.aborted || retriesLeft === 0 || !mayPass(error)) return;
      retriesLeft -= 1;
      // A question that does not wait has an answer at once, by which the count begins anew.
      index = "0";
      await pause(options.clock, monitorRetryMs, over);
    }
  }
}

/** A server without a leader answers 500; an agent that restarts does not answer. */
function mayPass(error: ProconsulError): boolean {
  return error instanceof TransportError || (error instanceof StatusError && error.status === 500);
}
