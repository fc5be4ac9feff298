/**
 * A disk that forgets what was not synced. A commit becomes durable some time after it began; a crash keeps it or not,
 * as the seed has it, without ever having said so. Snapshots become durable as a whole.
 */
import type { Clock } from "../../src/lib/clock.ts";
import type { LogIndex, Term } from "../../src/lib/log-index.ts";
import type { Rng } from "../../src/lib/rng.ts";
import type { Entry, HardState, SnapshotMark } from "../../src/raft/core/entry.ts";
import type { LogCommit, LogStore } from "../../src/raft/node/log-store.ts";
import { MemoryLogStore } from "../../src/raft/node/memory-log-store.ts";
import { MemorySnapshotStore } from "../../src/raft/node/memory-snapshot-store.ts";
import type {
  Chunks,
  OpenSnapshot,
  SnapshotMeta,
  SnapshotStore,
} from "../../src/raft/node/snapshot-store.ts";
import type { Life, Scheduler } from "./scheduler.ts";

export interface DiskPlan {
  /** A sync takes up to so long. */
  readonly syncMs: number;
  /** Of 1,000 syncs, how many take ten times as long. */
  readonly slowSyncRate: number;
  /** A disk that says that it has synced before it has: a bug on purpose. */
  readonly lies: boolean;
}

/** What one host keeps across crashes. */
export class SimDisk {
  readonly scheduler: Scheduler;
  readonly plan: DiskPlan;
  readonly rng: Rng;
  readonly log = new MemoryLogStore();
  readonly #snapshots: MemorySnapshotStore;
  /** Begun, and not durable. */
  #underWay: LogCommit[] = [];

  constructor(o: { scheduler: Scheduler; plan: DiskPlan; rng: Rng; clock: Clock }) {
    this.scheduler = o.scheduler;
    this.plan = o.plan;
    this.rng = o.rng;
    this.#snapshots = new MemorySnapshotStore(o.clock);
  }

  /** The power fails: commits under way have happened after all, or they have not. */
  crash(): void {
    for (const commit of this.#underWay) {
      if (this.rng.chance(1, 2)) break;
      void this.log.commit(commit);
    }
    this.#underWay = [];
  }

  /** The stores as one life has them. */
  storesOf(life: Life): { readonly store: LogStore; readonly snapshots: SnapshotStore } {
    return { store: new SimLogStore(this, life), snapshots: new SimSnapshotStore(this, life) };
  }

  get snapshots(): MemorySnapshotStore {
    return this.#snapshots;
  }

  syncMs(): number {
    const { syncMs, slowSyncRate } = this.plan;
    return (1 + this.rng.below(syncMs)) * (this.rng.chance(slowSyncRate, 1_000) ? 10 : 1);
  }

  begin(commit: LogCommit): void {
    this.#underWay.push(commit);
  }

  finish(commit: LogCommit): void {
    this.#underWay = this.#underWay.filter((one) => one !== commit);
    void this.log.commit(commit);
  }
}

class SimLogStore implements LogStore {
  readonly #disk: SimDisk;
  readonly #life: Life;
  /** What the process believes to be stored: with an honest disk, what is. */
  readonly #view: MemoryLogStore;

  constructor(disk: SimDisk, life: Life) {
    this.#disk = disk;
    this.#life = life;
    this.#view = disk.plan.lies ? copyOf(disk.log) : disk.log;
  }

  get hardState(): HardState {
    return this.#view.hardState;
  }
  get firstIndex(): LogIndex {
    return this.#view.firstIndex;
  }
  get lastIndex(): LogIndex {
    return this.#view.lastIndex;
  }

  termAt(index: LogIndex): Term | undefined {
    return this.#view.termAt(index);
  }

  entries(from: LogIndex, through: LogIndex, bytesMax: number): readonly Entry[] {
    return this.#view.entries(from, through, bytesMax);
  }

  commit(commit: LogCommit): Promise<void> {
    const disk = this.#disk;
    disk.begin(commit);
    if (disk.plan.lies) {
      // Long after it has said so.
      disk.scheduler.after(2_000, this.#life, () => disk.finish(commit));
      return this.#view.commit(commit);
    }
    return new Promise((resolve) => {
      disk.scheduler.after(disk.syncMs(), this.#life, () => {
        disk.finish(commit);
        resolve();
      });
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function copyOf(log: MemoryLogStore): MemoryLogStore {
  const copy = new MemoryLogStore();
  const restartAfter = (log.firstIndex - 1) as LogIndex;
  const entries = log.entries(log.firstIndex, log.lastIndex, Number.MAX_SAFE_INTEGER);
  void copy.commit({
    changes: [{ hardState: log.hardState, restartAfter, truncateFrom: undefined, entries }],
  });
  return copy;
}

class SimSnapshotStore implements SnapshotStore {
  readonly #disk: SimDisk;
  readonly #life: Life;

  constructor(disk: SimDisk, life: Life) {
    this.#disk = disk;
    this.#life = life;
  }

  newest(): Promise<SnapshotMeta | undefined> {
    return this.#disk.snapshots.newest();
  }

  /** All of it reaches the disk at its end; a crash before leaves nothing. */
  async write(mark: SnapshotMark, chunks: Chunks): Promise<SnapshotMeta> {
    const kept: Uint8Array[] = [];
    for await (const chunk of chunks) kept.push(chunk.slice());
    await this.#sync();
    return this.#disk.snapshots.write(mark, kept);
  }

  remove(end: { readonly index: LogIndex; readonly term: Term }): Promise<void> {
    return this.#disk.snapshots.remove(end);
  }

  open(end: { readonly index: LogIndex; readonly term: Term }): Promise<OpenSnapshot | undefined> {
    return this.#disk.snapshots.open(end);
  }

  #sync(): Promise<void> {
    return new Promise((resolve) => {
      this.#disk.scheduler.after(this.#disk.syncMs(), this.#life, resolve);
    });
  }
}
