/** Takes snapshots when the log has grown, receives those of a leader, and keeps the two from overlapping. */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Rng } from "../../lib/rng.ts";
import { StorageError } from "../../lib/storage-error.ts";
import type { Input, ReceiveSnapshot } from "../core/effects.ts";
import type { SnapshotMark } from "../core/entry.ts";
import type { Applier } from "./applier.ts";
import type { Chunks, SnapshotMeta, SnapshotStore } from "./snapshot-store.ts";
import type { SnapshotTransfer } from "./transport.ts";

/** A large state is written piece by piece, so that other work has its turn. */
const pieceBytes = 262_144;

export interface SnapshotterParts {
  readonly store: SnapshotStore;
  readonly applier: Applier;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly input: (input: Input) => void;
  /** The newest snapshot that the core knows; 0 without one. */
  readonly snapshotIndex: () => number;
  readonly intervalMs: number;
  readonly threshold: number;
}

export class Snapshotter {
  readonly #parts: SnapshotterParts;
  /** Ends when the store is free. */
  #store: Promise<unknown> = Promise.resolve();
  #timer: Disposable | undefined;
  #isStopped = false;

  constructor(parts: SnapshotterParts) {
    this.#parts = parts;
  }

  /** Looks every one to two intervals whether enough was applied since the last snapshot. */
  start(): void {
    const { clock, rng, intervalMs } = this.#parts;
    this.#timer = clock.after(intervalMs + rng.below(intervalMs), () => {
      void this.#takeIfGrown().finally(() => {
        if (!this.#isStopped) this.start();
      });
    });
  }

  /** Makes the applied state durable; answers the present snapshot if nothing was applied since. */
  take(): Promise<SnapshotMeta> {
    return this.#exclusively(async () => {
      const { applier, store, log, metrics, clock, input, snapshotIndex } = this.#parts;
      const startMs = clock.monotonicMs();
      const { mark, chunks } = await applier.capture();
      if (mark.index === snapshotIndex()) {
        await using present = await store.open(mark);
        if (present !== undefined) return present.meta;
      }
      log.info("starting snapshot up to", { index: mark.index });
      const meta = await store.write(mark, chunks);
      const tookMs = clock.monotonicMs() - startMs;
      metrics.timer("raft.snapshot.takeSnapshot", tookMs);
      log.info("snapshot complete up to", {
        index: mark.index,
        bytes: meta.sizeBytes,
        ms: Math.round(tookMs),
      });
      // Another one may have been installed meanwhile; the core ignores one that is not news.
      if (!this.#isStopped) input({ kind: "snapshotTaken", snapshot: markOf(meta) });
      return meta;
    });
  }

  /** Stores a user's state as the snapshot that ends at `mark`. */
  storeUser(mark: SnapshotMark, state: Uint8Array): Promise<SnapshotMeta> {
    return this.#exclusively(() => this.#parts.store.write(mark, pieces(state)));
  }

  /** Takes back what `storeUser` stored: it must not be what the next start finds. */
  removeUser(mark: SnapshotMark): Promise<void> {
    return this.#exclusively(() => this.#parts.store.remove(mark));
  }

  /** Streams a leader's snapshot to the store and reports how it went. */
  receive(request: ReceiveSnapshot, transfer: SnapshotTransfer | undefined): void {
    const { store, log, input } = this.#parts;
    const { message, inboundId } = request;
    const mark: SnapshotMark = {
      index: message.lastLogIndex,
      term: message.lastLogTerm,
      configuration: message.configuration,
      configurationIndex: message.configurationIndex,
    };
    const written = this.#exclusively(() => {
      if (transfer === undefined) throw new StorageError("failed", "the sender of a snapshot has gone");
      return store.write(mark, exactly(transfer.chunks, transfer.message.sizeBytes));
    });
    written.then(
      () => input({ kind: "snapshotReceived", inboundId, ok: true }),
      (error: unknown) => {
        log.error("failed to receive snapshot", { index: mark.index, error: String(error) });
        input({ kind: "snapshotReceived", inboundId, ok: false });
      },
    );
  }

  /** Starts nothing more and waits for the snapshot under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
    await this.#store;
  }

  async #takeIfGrown(): Promise<void> {
    const { applier, threshold, log, snapshotIndex } = this.#parts;
    if (applier.appliedIndex - snapshotIndex() < threshold) return;
    try {
      await this.take();
    } catch (error) {
      // The log is still whole: the next interval tries again.
      if (!this.#isStopped) log.error("failed to take snapshot", { error: String(error) });
    }
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#store.then(work);
    this.#store = done.catch(() => undefined);
    return done;
  }
}

function markOf(meta: SnapshotMeta): SnapshotMark {
  const { index, term, configuration, configurationIndex } = meta;
  return { index, term, configuration, configurationIndex };
}

function* pieces(state: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < state.length; at += pieceBytes) yield state.subarray(at, at + pieceBytes);
}

/** Passes the pieces on; throws unless they make up `sizeBytes`. */
async function* exactly(chunks: Chunks, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > sizeBytes) break;
    yield chunk;
  }
  if (seen !== sizeBytes)
    throw new StorageError("failed", `received ${seen} bytes of a snapshot of ${sizeBytes}`);
}
