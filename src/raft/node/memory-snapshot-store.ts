/** Snapshots in memory: for `-dev`, tests and the simulator. */
import type { Clock } from "../../lib/clock.ts";
import type { SnapshotMark } from "../core/entry.ts";
import type { Chunks, OpenSnapshot, SnapshotMeta, SnapshotStore } from "./snapshot-store.ts";

const keptMax = 2;

interface Kept {
  readonly meta: SnapshotMeta;
  readonly chunks: readonly Uint8Array[];
}

export class MemorySnapshotStore implements SnapshotStore {
  readonly #clock: Clock;
  #kept: Kept[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  newest(): Promise<SnapshotMeta | undefined> {
    return Promise.resolve(this.#kept[0]?.meta);
  }

  async write(mark: SnapshotMark, chunks: Chunks): Promise<SnapshotMeta> {
    const copies: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of chunks) {
      copies.push(chunk.slice());
      sizeBytes += chunk.length;
    }
    const meta = { ...mark, id: `${mark.term}-${mark.index}-${this.#clock.wallMs()}`, sizeBytes };
    this.#kept.unshift({ meta, chunks: copies });
    this.#kept.sort((a, b) => b.meta.term - a.meta.term || b.meta.index - a.meta.index);
    this.#kept.length = Math.min(this.#kept.length, keptMax);
    return meta;
  }

  remove(end: { readonly index: number; readonly term: number }): Promise<void> {
    this.#kept = this.#kept.filter(({ meta }) => meta.index !== end.index || meta.term !== end.term);
    return Promise.resolve();
  }

  open(end: { readonly index: number; readonly term: number }): Promise<OpenSnapshot | undefined> {
    const found = this.#kept.find(({ meta }) => meta.index === end.index && meta.term === end.term);
    if (found === undefined) return Promise.resolve(undefined);
    return Promise.resolve({
      meta: found.meta,
      chunks: asyncOf(found.chunks),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  }
}

async function* asyncOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
