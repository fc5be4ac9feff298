/** Takes snapshots when the log has grown, receives those of a leader, and keeps the two from overlapping. */
import { must } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { StateMachine } from "../../lib/consensus.ts";
import { DecodeError } from "../../lib/errors.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Rng } from "../../lib/rng.ts";
import { StorageError } from "../../lib/storage-error.ts";
import type { Input, ReceiveSnapshot } from "../core/effects.ts";
import type { SnapshotEnd, SnapshotMark } from "../core/entry.ts";
import type { Applier } from "./applier.ts";
import type { Complaints } from "./complaints.ts";
import { checkedState, ReceivedStates } from "./received-state.ts";
import type { SnapshotMeta, SnapshotStore } from "./snapshot-store.ts";
import type { SnapshotTransfer } from "./transport.ts";

/** A large state is written piece by piece, so that other work has its turn. */
const pieceBytes = 262_144;

/** When a snapshot is taken. */
export interface SnapshotPlan {
  /** Whether one is due is looked at every one to two times this. */
  readonly intervalMs: number;
  /** Entries applied since the last one that make the next one due. */
  readonly threshold: number;
}

export interface SnapshotterParts extends SnapshotPlan {
  readonly store: SnapshotStore;
  readonly applier: Applier;
  readonly machine: StateMachine;
  readonly complaints: Complaints;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly input: (input: Input) => void;
  /** The newest snapshot that the core knows; 0 without one. */
  readonly snapshotIndex: () => number;
}

export class Snapshotter {
  readonly #parts: SnapshotterParts;
  /** What the core will ask for in the step that hears of it. */
  readonly received = new ReceivedStates();
  /** Ends when the store is free. */
  #store: Promise<unknown> = Promise.resolve();
  #timer: Disposable | undefined;
  /** How many snapshots of leaders have come; only the newest is of use. */
  #receivedCount = 0;
  #isStopped = false;
  #plan: SnapshotPlan;

  constructor(parts: SnapshotterParts) {
    this.#parts = parts;
    this.#plan = parts;
  }

  /** Looks every one to two intervals whether enough was applied since the last snapshot. */
  start(): void {
    const { clock, rng } = this.#parts;
    const { intervalMs } = this.#plan;
    this.#timer = clock.after(intervalMs + rng.below(intervalMs), () => {
      void this.#takeIfGrown().finally(() => {
        if (!this.#isStopped) this.start();
      });
    });
  }

  /** Goes by another plan from now on. */
  replan(plan: SnapshotPlan): void {
    this.#plan = plan;
    if (this.#timer === undefined || this.#isStopped) return;
    this.#timer[Symbol.dispose]();
    this.start();
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

  /** Removes a received snapshot that will not be used. */
  drop(end: SnapshotEnd): void {
    const { store, log } = this.#parts;
    this.#exclusively(() => store.remove(end)).catch((error: unknown) => {
      log.error("failed to remove a snapshot", { index: end.index, error: String(error) });
    });
  }

  /** Streams a leader's snapshot to the store, if the machine can read it, and reports how it went. */
  receive(request: ReceiveSnapshot, transfer: SnapshotTransfer | undefined): void {
    const { store, machine, input } = this.#parts;
    const { message, inboundId } = request;
    this.#receivedCount += 1;
    const number = this.#receivedCount;
    let replace: (() => void) | undefined;
    const mark: SnapshotMark = {
      index: message.lastLogIndex,
      term: message.lastLogTerm,
      configuration: message.configuration,
      configurationIndex: message.configurationIndex,
    };
    const written = this.#exclusively(() => {
      if (transfer === undefined) throw new StorageError("failed", "the sender of a snapshot has gone");
      const { message: announced } = transfer;
      // Whoever sends it slowly, or never to its end, must not keep out the leader that comes after.
      const chunks = whileWanted(transfer.chunks, () => number === this.#receivedCount);
      const check = (state: Uint8Array): void => void (replace = machine.prepare(state));
      return store.write(mark, checkedState(chunks, announced.sizeBytes, check));
    });
    written.then(
      () => {
        this.received.add(mark, must(replace, "what is stored was read"));
        input({ kind: "snapshotReceived", inboundId, ok: true });
      },
      (error: unknown) => {
        this.#notReceived(request, error);
        input({ kind: "snapshotReceived", inboundId, ok: false });
      },
    );
  }

  #notReceived({ message, from }: ReceiveSnapshot, error: unknown): void {
    const { log, complaints } = this.#parts;
    if (error instanceof DecodeError) {
      const problem = `a snapshot through ${message.lastLogIndex} that cannot be read: ${error.message}`;
      complaints.add({ from, header: message.header, message: message.kind, problem });
    } else log.error("failed to receive snapshot", { index: message.lastLogIndex, error: String(error) });
  }

  /** Starts nothing more and waits for the snapshot under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
    await this.#store;
  }

  async #takeIfGrown(): Promise<void> {
    const { applier, log, snapshotIndex } = this.#parts;
    if (applier.appliedIndex - snapshotIndex() < this.#plan.threshold) return;
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

async function* whileWanted(
  chunks: AsyncIterable<Uint8Array>,
  isWanted: () => boolean,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (!isWanted()) throw new StorageError("failed", "another snapshot has come");
    yield chunk;
  }
}

function* pieces(state: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < state.length; at += pieceBytes) yield state.subarray(at, at + pieceBytes);
}
