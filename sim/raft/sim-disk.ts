/**
 * A disk that forgets what was not synced: writes queue up, become durable later, and may be lost in a crash.
 *
 * Each write is atomic, as the store below the real driver promises; a crash keeps some first part of
 * the queue, chosen by the seed, without ever having said so.
 */
import { assert, must } from "../../src/lib/assert.ts";
import { logIndex, term, type LogIndex, type Term } from "../../src/lib/log-index.ts";
import type { LogWrite } from "../../src/raft/core/effects.ts";
import type { Entry, HardState, LogView, SnapshotMark } from "../../src/raft/core/entry.ts";

/** A snapshot with the state machine's content, which is one number here. */
export interface StoredSnapshot {
  readonly mark: SnapshotMark;
  readonly digest: number;
}

type Operation =
  | { readonly kind: "write"; readonly write: LogWrite }
  | { readonly kind: "compact"; readonly through: LogIndex };

/** One server's disk; outlives its crashes. */
export class SimDisk implements LogView {
  #first = 1;
  #entries: Entry[] = [];
  #queue: Operation[] = [];
  hardState: HardState = { term: term(0), votedFor: undefined };
  /** Newest last; two are kept. */
  #snapshots: StoredSnapshot[] = [];

  get firstIndex(): LogIndex {
    return logIndex(this.#first);
  }
  get lastIndex(): LogIndex {
    return logIndex(this.#first + this.#entries.length - 1);
  }
  get snapshot(): StoredSnapshot | undefined {
    return this.#snapshots.at(-1);
  }

  termAt(index: LogIndex): Term | undefined {
    return this.#entries[index - this.#first]?.term;
  }

  entries(from: LogIndex, through: LogIndex, bytesMax: number): readonly Entry[] {
    const found: Entry[] = [];
    let bytes = 0;
    for (
      let index: number = from;
      index <= through && (bytes <= bytesMax || found.length === 0);
      index += 1
    ) {
      const entry = this.#entries[index - this.#first];
      if (entry === undefined) break;
      found.push(entry);
      bytes += entry.data.length;
    }
    return found;
  }

  /** Starts a write. */
  begin(write: LogWrite): void {
    this.#queue.push({ kind: "write", write });
  }

  beginCompact(through: LogIndex): void {
    this.#queue.push({ kind: "compact", through });
  }

  /** Makes everything through write `token` durable. */
  sync(token: number): void {
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || (next.kind === "write" && next.write.token > token)) return;
      this.#queue.shift();
      this.#carryOut(next);
    }
  }

  /** The power fails: the first `kept` operations under way have happened, the rest have not. */
  crash(kept: number): void {
    for (const operation of this.#queue.slice(0, kept)) this.#carryOut(operation);
    this.#queue = [];
  }

  get pendingCount(): number {
    return this.#queue.length;
  }

  /** Snapshots are durable at once when this is called. */
  storeSnapshot(snapshot: StoredSnapshot): void {
    const newest = this.#snapshots.at(-1);
    if (newest !== undefined && newest.mark.index >= snapshot.mark.index) return;
    this.#snapshots.push(snapshot);
    if (this.#snapshots.length > 2) this.#snapshots.shift();
  }

  /** The stored snapshot that ends at `index`, if it is still kept. */
  findSnapshot(index: LogIndex): StoredSnapshot | undefined {
    return this.#snapshots.find((snapshot) => snapshot.mark.index === index);
  }

  #carryOut(operation: Operation): void {
    if (operation.kind === "compact") {
      const count = operation.through + 1 - this.#first;
      if (count <= 0) return;
      assert(count <= this.#entries.length, "only entries that are present are compacted");
      this.#entries = this.#entries.slice(count);
      this.#first += count;
      return;
    }
    const { write } = operation;
    if (write.hardState !== undefined) this.hardState = write.hardState;
    if (write.restartAfter !== undefined) {
      this.#entries = [];
      this.#first = write.restartAfter + 1;
    }
    if (write.truncateFrom !== undefined)
      this.#entries = this.#entries.slice(0, write.truncateFrom - this.#first);
    if (write.entries.length === 0) return;
    assert(
      must(write.entries[0], "not empty").index === this.lastIndex + 1,
      "a write leaves no gap in the log",
    );
    this.#entries.push(...write.entries);
  }
}
