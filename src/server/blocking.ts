/**
 * Blocking reads, in one place: run the read, compare the index, sleep on what it depended on, run again.
 *
 * Source: the reference's blocking queries: the wait is `MaxQueryTime`, by default 5 minutes, capped at
 * 10, plus up to a sixteenth at random; a reply's index is never 0; the reply comes early when an index
 * goes backwards during the wait (state was restored), while one from the future waits.
 */
import { WatchSet } from "../state/watch.ts";
import type { Caller, ServerContext } from "./context.ts";

const millisecondNs = 1e6;
/** The random part added to a wait is at most this fraction of it. */
const jitterFraction = 16;

/** The parts of QueryOptions that reads obey. */
export interface ReadOptions {
  readonly MinQueryIndex: number;
  readonly MaxQueryTime: number;
  readonly RequireConsistent: boolean;
  readonly AllowStale: boolean;
}

/** What one run of a read gives: the index to answer with, and the value. */
export interface ReadResult<T> {
  readonly index: number;
  readonly value: T;
}

/** The QueryMeta of a reply. */
export interface ReadMeta {
  readonly Index: number;
  readonly KnownLeader: boolean;
  readonly LastContact: number;
  readonly ConsistencyLevel: string;
}

/**
 * Answers a read with the consistency and blocking that its options ask for. `read` runs once per
 * wake-up and must note every dependency in the set. Rejects with `NoLeaderError` where a leader is needed.
 */
export async function blockingRead<T>(
  { server, caller }: { readonly server: ServerContext; readonly caller: Caller },
  options: ReadOptions,
  read: (watch: WatchSet) => ReadResult<T>,
): Promise<{ readonly value: T; readonly meta: ReadMeta }> {
  if (options.RequireConsistent) await server.consensus.verifyLeader();
  const deadlineMs = options.MinQueryIndex > 0 ? server.clock.monotonicMs() + waitMs(server, options) : 0;
  let seenIndex = 0;
  for (;;) {
    const watch = new WatchSet();
    const result = read(watch);
    const index = Math.max(1, result.index);
    const leftMs = deadlineMs - server.clock.monotonicMs();
    // An index that slides back while we wait means that a snapshot was restored.
    const changed = options.MinQueryIndex === 0 || index > options.MinQueryIndex || result.index < seenIndex;
    seenIndex = result.index;
    if (changed || leftMs <= 0 || caller.signal?.aborted === true) {
      return { value: result.value, meta: readMeta(server, options, index) };
    }
    await woken({ server, caller }, watch, leftMs);
  }
}

/**
 * Answers a read at once, on a leader that is ready; `undefined` if its options ask to wait for a change or for a
 * quorum. `notes` gets what it depended on.
 */
export function readNow<T>(
  options: ReadOptions,
  read: (watch: WatchSet) => ReadResult<T>,
  notes: WatchSet = new WatchSet(),
): { readonly value: T; readonly meta: ReadMeta } | undefined {
  if (options.MinQueryIndex > 0 || options.RequireConsistent) return undefined;
  const { index, value } = read(notes);
  const ConsistencyLevel = options.AllowStale ? "stale" : "leader";
  return { value, meta: { Index: Math.max(1, index), KnownLeader: true, LastContact: 0, ConsistencyLevel } };
}

function waitMs(server: ServerContext, options: ReadOptions): number {
  const { defaultQueryTimeMs, maxQueryTimeMs } = server.settings;
  const asked = options.MaxQueryTime <= 0 ? defaultQueryTimeMs : options.MaxQueryTime / millisecondNs;
  const wait = Math.min(asked, maxQueryTimeMs);
  return wait + server.random(Math.max(1, Math.floor(wait / jitterFraction)));
}

/** The meta of a reply whose index is known. */
export function readMeta(server: ServerContext, options: ReadOptions, index: number): ReadMeta {
  const status = server.consensus.status();
  return {
    Index: index,
    KnownLeader: status.leaderId !== undefined || status.leaderAddress !== undefined,
    LastContact: status.role === "leader" ? 0 : (status.lastContactMs ?? 0) * millisecondNs,
    ConsistencyLevel: options.RequireConsistent ? "consistent" : options.AllowStale ? "stale" : "leader",
  };
}

function woken(
  { server, caller }: { readonly server: ServerContext; readonly caller: Caller },
  watch: WatchSet,
  leftMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      handle[Symbol.dispose]();
      timer[Symbol.dispose]();
      caller.signal?.removeEventListener("abort", done);
      resolve();
    };
    const handle = server.store.watches.watch(watch, done);
    const timer = server.clock.after(leftMs, done);
    caller.signal?.addEventListener("abort", done);
  });
}
