/**
 * Feeds committed entries to the state machine, in order and in slices, so that the loop never stalls.
 *
 *     core ─▶ queue of entries and received snapshots ─▶ slices of a few ms ─▶ machine ─▶ waiting proposals
 */
import { must } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { StateMachine } from "../../lib/consensus.ts";
import { DecodeError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { logIndex, type LogIndex } from "../../lib/log-index.ts";
import { entryType, type Configuration, type Entry, type SnapshotMark } from "../core/entry.ts";
import { ChunkAssembler } from "./chunking.ts";
import type { Commands } from "./commands.ts";
import { configurationCodec } from "./configuration-codec.ts";
import type { Pending } from "./pending.ts";
import { AbortedByRestoreError, NothingToSnapshotError, RaftShutdownError } from "./refusal.ts";

export interface ApplierParts {
  readonly machine: StateMachine;
  /** Commands that were read when they came. */
  readonly commands: Commands;
  readonly pending: Pending;
  readonly clock: Clock;
  readonly log: Log;
  /** Calls back after the I/O that is due. */
  readonly defer: (run: () => void) => void;
  readonly sliceMs: number;
  /** A bug in the machine: the node must stop. */
  readonly failed: (error: unknown) => void;
  /** The queue has run empty. */
  readonly drained: () => void;
}

type Work =
  | { readonly kind: "entries"; readonly entries: readonly Entry[] }
  | { readonly kind: "install"; readonly mark: SnapshotMark; readonly replace: () => void };

/** A cut of the state machine: what it stands for, and its bytes. */
export interface Capture {
  readonly mark: SnapshotMark;
  readonly chunks: Iterable<Uint8Array>;
}

interface CaptureWaiter {
  readonly resolve: (capture: Capture) => void;
  readonly reject: (error: unknown) => void;
}

export class Applier {
  readonly #parts: ApplierParts;
  readonly #assembler = new ChunkAssembler();
  readonly #work: Work[] = [];
  /** Place in the first item of `#work`. */
  #at = 0;
  #queued = 0;
  #isScheduled = false;
  #isStopped = false;
  #stopError: unknown;
  /** Where the machine stands; its term and configuration are what a snapshot there needs. */
  #mark: SnapshotMark;
  #waiters: {
    readonly index: number;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  #captures: CaptureWaiter[] = [];

  constructor(parts: ApplierParts, mark: SnapshotMark) {
    this.#parts = parts;
    this.#mark = mark;
  }

  get appliedIndex(): LogIndex {
    return this.#mark.index;
  }
  /** Entries handed over and not applied yet. */
  get backlog(): number {
    return this.#queued;
  }

  pushEntries(entries: readonly Entry[]): void {
    this.#work.push({ kind: "entries", entries });
    this.#queued += entries.length;
  }

  /** `replace` puts the state that the mark stands for in place. */
  pushInstall(mark: SnapshotMark, replace: () => void): void {
    this.#work.push({ kind: "install", mark, replace });
  }

  /**
   * Puts a user's state in place of the machine's; what waits to be applied is superseded. Throws `DecodeError`, and
   * changes nothing then.
   */
  takeRestored(mark: SnapshotMark, state: Uint8Array): void {
    this.#parts.machine.prepare(state)();
    this.#work.length = 0;
    this.#at = 0;
    this.#queued = 0;
    this.#assembler.clear();
    this.#parts.pending.lostThrough(mark.index, () => new AbortedByRestoreError());
    this.#mark = mark;
    this.#parts.log.info("restored user snapshot", { index: mark.index, bytes: state.length });
    this.#wake();
    this.#serveCaptures();
  }

  /** Works for one slice, and goes on later if something is left. */
  run(): void {
    if (this.#isStopped || this.#isScheduled || this.#work.length === 0) return;
    try {
      this.#slice();
    } catch (error) {
      this.#parts.failed(error);
      return;
    }
    this.#wake();
    if (this.#work.length === 0) return this.#parts.drained();
    this.#isScheduled = true;
    this.#parts.defer(() => {
      this.#isScheduled = false;
      this.run();
    });
  }

  /** Resolves when the entry at `index` is applied. */
  applied(index: LogIndex): Promise<void> {
    if (index <= this.#mark.index) return Promise.resolve();
    if (this.#isStopped) return Promise.reject(this.#stopError);
    return new Promise((resolve, reject) => this.#waiters.push({ index, resolve, reject }));
  }

  /** Cuts the state as soon as no command is half assembled. Rejects with `NothingToSnapshotError`. */
  capture(): Promise<Capture> {
    if (this.#isStopped) return Promise.reject(this.#stopError);
    return new Promise((resolve, reject) => {
      this.#captures.push({ resolve, reject });
      this.#serveCaptures();
    });
  }

  /** Applies nothing more; who waits is rejected. */
  stop(error: unknown): void {
    this.#isStopped = true;
    this.#stopError = error;
    for (const waiter of [...this.#waiters, ...this.#captures]) waiter.reject(error);
    this.#waiters = [];
    this.#captures = [];
  }

  #slice(): void {
    const { clock, sliceMs } = this.#parts;
    const endMs = clock.monotonicMs() + sliceMs;
    while (this.#work.length > 0) {
      const work = must(this.#work[0], "the queue is not empty");
      if (work.kind === "install") {
        this.#work.shift();
        this.#install(work.mark, work.replace);
        continue;
      }
      while (this.#at < work.entries.length) {
        this.#apply(must(work.entries[this.#at], "the place is within the list"));
        this.#at += 1;
        this.#queued -= 1;
        if (this.#captures.length > 0) this.#serveCaptures();
        if (clock.monotonicMs() >= endMs) break;
      }
      if (this.#at < work.entries.length) return;
      this.#work.shift();
      this.#at = 0;
      if (clock.monotonicMs() >= endMs) return;
    }
  }

  #apply(entry: Entry): void {
    this.#assembler.enter(entry.term);
    const mark = this.#mark;
    if (entry.type === entryType.configuration) {
      const configuration: Configuration = configurationCodec.decode(entry.data);
      this.#mark = { index: entry.index, term: entry.term, configuration, configurationIndex: entry.index };
    } else {
      // Spelled out: spreading costs more than all the rest that is done here for an entry.
      const { configuration, configurationIndex } = mark;
      this.#mark = { index: entry.index, term: entry.term, configuration, configurationIndex };
    }
    const settle = this.#parts.pending.take(entry.index, entry.term);
    try {
      const value =
        entry.type === entryType.command
          ? this.#command(entry, settle?.decoded ?? this.#parts.commands.take(entry))
          : undefined;
      settle?.resolve(value);
    } catch (error) {
      // Refused on every server alike: a bad piece. Anything else is a bug.
      if (!(error instanceof DecodeError) || entry.extensions === undefined) {
        settle?.reject(new RaftShutdownError());
        throw error;
      }
      this.#parts.log.error("cannot apply a command in pieces", { index: entry.index, error: error.message });
      settle?.reject(error);
    }
  }

  #command(entry: Entry, decoded: unknown): unknown {
    const { machine } = this.#parts;
    if (entry.extensions === undefined) return machine.apply(entry.index, entry.data, decoded);
    const whole = this.#assembler.add(entry);
    return whole === undefined ? undefined : machine.apply(entry.index, whole.data, decoded);
  }

  #install(mark: SnapshotMark, replace: () => void): void {
    replace();
    this.#assembler.clear();
    this.#parts.pending.lostThrough(mark.index);
    this.#mark = mark;
    this.#parts.log.info("installed remote snapshot", { index: mark.index });
    this.#serveCaptures();
  }

  #serveCaptures(): void {
    if (this.#captures.length === 0 || !this.#assembler.isEmpty) return;
    for (const waiter of this.#captures.splice(0)) {
      if (this.#mark.index === logIndex(0)) waiter.reject(new NothingToSnapshotError());
      else waiter.resolve({ mark: this.#mark, chunks: prime(this.#parts.machine.snapshot()) });
    }
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const still = this.#waiters.filter((waiter) => waiter.index > this.#mark.index);
    if (still.length === this.#waiters.length) return;
    const ready = this.#waiters.filter((waiter) => waiter.index <= this.#mark.index);
    this.#waiters = still;
    for (const waiter of ready) waiter.resolve();
  }
}

/** Runs a generator up to its first piece, so that a machine written as one takes its view here and not later. */
function prime(chunks: Iterable<Uint8Array>): Iterable<Uint8Array> {
  const iterator = chunks[Symbol.iterator]();
  const first = iterator.next();
  return (function* rest(): Generator<Uint8Array> {
    for (let step = first; step.done !== true; step = iterator.next()) yield step.value;
  })();
}
