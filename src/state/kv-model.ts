/** A plain model of keys for tests: what the store must answer, computed the slow and obvious way. */
import type { KvOp } from "../wire/structs/kv.ts";

/** One operation on the model's few keys. */
export interface ModelOp {
  readonly verb: KvOp;
  readonly key: string;
  readonly value: string;
  readonly session: string;
  /** Check-and-set operations take the key's own index, or a wrong one. */
  readonly rightIndex: boolean;
}

/** A key as the model keeps it. */
export interface ModelEntry {
  readonly value: string;
  readonly session: string;
  readonly lock: number;
  readonly created: number;
  readonly modified: number;
}

export class KvModel {
  entries = new Map<string, ModelEntry>();
  /** Deleted keys and prefixes → index. */
  stones = new Map<string, number>();
  maxIndex = 0;
  /** Keys changed since it was last emptied. */
  touched = new Set<string>();
  readonly #sessions: ReadonlySet<string>;

  constructor(sessions: Iterable<string>) {
    this.#sessions = new Set(sessions);
  }

  copy(): KvModel {
    const twin = new KvModel(this.#sessions);
    twin.entries = new Map(this.entries);
    twin.stones = new Map(this.stones);
    twin.maxIndex = this.maxIndex;
    twin.touched = new Set(this.touched);
    return twin;
  }

  /** The index that a check-and-set operation carries. */
  casIndex({ key, rightIndex }: ModelOp): number {
    const own = this.entries.get(key)?.modified ?? 0;
    return rightIndex ? own : own + 1_000_000;
  }

  /** Whether the operation takes place. */
  apply(op: ModelOp, index: number): boolean {
    const old = this.entries.get(op.key);
    switch (op.verb) {
      case "set":
        this.#put(op, index, { session: old?.session ?? "", lock: 0 });
        return true;
      case "cas":
        if (!op.rightIndex) return false;
        this.#put(op, index, { session: old?.session ?? "", lock: 0 });
        return true;
      case "delete":
        this.#delete([op.key], op.key, index);
        return true;
      case "delete-cas":
        if (old !== undefined && !op.rightIndex) return false;
        this.#delete([op.key], op.key, index);
        return true;
      case "delete-tree":
        this.#delete([...this.entries.keys()], op.key, index);
        return true;
      case "lock": {
        const free = old === undefined || old.session === "" || old.session === op.session;
        if (!this.#sessions.has(op.session) || !free) return false;
        const lock = (old?.lock ?? 0) + (old?.session === op.session ? 0 : 1);
        this.#put(op, index, { session: op.session, lock });
        return true;
      }
      case "unlock":
        if (op.session === "" || old?.session !== op.session) return false;
        this.#put(op, index, { session: "", lock: old.lock });
        return true;
    }
  }

  /** The index of a listing. */
  listIndex(prefix: string): number {
    const under = [
      ...[...this.entries].filter(([key]) => key.startsWith(prefix)).map(([, entry]) => entry.modified),
      ...[...this.stones].filter(([key]) => key.startsWith(prefix)).map(([, index]) => index),
    ];
    return prefix === "" || under.length === 0 ? this.maxIndex : Math.max(...under);
  }

  #put(
    { key, value }: ModelOp,
    index: number,
    { session, lock }: Pick<ModelEntry, "session" | "lock">,
  ): void {
    const old = this.entries.get(key);
    if (old !== undefined && old.value === value && old.session === session && old.lock === lock) return;
    this.entries.set(key, { value, session, lock, created: old?.created ?? index, modified: index });
    this.#changed(key, index);
  }

  #delete(candidates: readonly string[], prefix: string, index: number): void {
    const doomed = candidates.filter((key) => key.startsWith(prefix) && this.entries.has(key));
    for (const key of doomed) {
      this.entries.delete(key);
      this.#changed(key, index);
    }
    if (doomed.length > 0 && prefix !== "") this.stones.set(prefix, index);
  }

  #changed(key: string, index: number): void {
    this.touched.add(key);
    this.maxIndex = index;
  }
}
