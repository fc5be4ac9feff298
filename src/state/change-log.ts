/**
 * The last changes of the state, row by row, for those who follow it as a stream.
 *
 * Each command that changed rows is kept as one commit with its log index: old commits go when there are too many
 * or too large. Who was here at index `i` asks for what came after it; the answer is complete, or a plain "no".
 *
 *        floor                                lastIndex
 *     ─────┤ kept commits, in index order ├──────┤
 *     gone                                         to come
 *
 * Invariants: indexes rise; nothing between `floor` and `lastIndex` is missing. Replaced state (a snapshot was
 * restored) starts the log anew and counts in `epoch`, since what it changed is not known row by row.
 */
import { assert } from "../lib/assert.ts";
import type { HealthCheck, Node } from "../wire/structs/catalog.ts";
import type { DirEntry } from "../wire/structs/kv.ts";
import type { NodeService } from "../wire/structs/service.ts";
import type { Session } from "../wire/structs/session.ts";

/** Tables whose changes are kept, with their rows. */
export interface ChangedRows {
  readonly kvs: DirEntry;
  readonly sessions: Session;
  readonly nodes: Node;
  readonly services: NodeService;
  readonly checks: HealthCheck;
}
export type ChangedTable = keyof ChangedRows;

/** Where to look rows up. */
type RowTables = { readonly [T in ChangedTable]: { get(key: string): ChangedRows[T] | undefined } };

/** One row before and after a commit; `undefined` where it does not exist. Keys are not told how they were before. */
export type RowChange = {
  readonly [T in ChangedTable]: {
    readonly table: T;
    /** As the table has it. */
    readonly key: string;
    readonly before: ChangedRows[T] | undefined;
    readonly after: ChangedRows[T] | undefined;
  };
}[ChangedTable];

/** What one command changed. */
export interface Commit {
  readonly index: number;
  readonly changes: readonly RowChange[];
}

export interface ChangeLogLimits {
  /** Row changes kept. */
  readonly changesMax: number;
  /** Bytes of values kept, that the state itself may have let go. */
  readonly bytesMax: number;
}

export const defaultChangeLogLimits: ChangeLogLimits = { changesMax: 16_384, bytesMax: 16 * 1024 * 1024 };

/** Commits that are gone are cut off the list when there are this many. */
const goneMax = 1024;

export class ChangeLog {
  readonly #limits: ChangeLogLimits;
  #commits: Commit[] = [];
  /** Commits at the head of the list that count as gone. */
  #gone = 0;
  #changes = 0;
  #bytes = 0;
  #floor = 0;
  #lastIndex = 0;
  #epoch = 0;
  /** No command has followed on a state that was put in place of another. */
  #isFresh = false;
  #noted = new Map<string, RowChange>();

  constructor(limits: ChangeLogLimits = defaultChangeLogLimits) {
    this.#limits = limits;
  }

  /** Index of the last commit, or of the state that the log began with. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** How often the state was replaced. */
  get epoch(): number {
    return this.#epoch;
  }

  /** A row is about to change, for the first time in this command or again. */
  note<T extends ChangedTable>(table: T, key: string, before: ChangedRows[T] | undefined): void {
    const place = `${table} ${key}`;
    if (this.#noted.has(place)) return;
    this.#noted.set(place, { table, key, before, after: undefined } as RowChange);
  }

  /** The command changed nothing after all. */
  forget(): void {
    if (this.#noted.size > 0) this.#noted = new Map();
  }

  /** Ends a command: keeps the keys with their rows, and the rows that were noted, as they are in `tables`. */
  commit(index: number, keys: Iterable<readonly [string, DirEntry | undefined]>, tables: RowTables): void {
    const changes: RowChange[] = [];
    for (const [key, after] of keys) changes.push({ table: "kvs", key, before: undefined, after });
    if (this.#noted.size === 0) {
      if (changes.length > 0) this.#append({ index, changes });
      return;
    }
    for (const change of this.#noted.values()) {
      const after = tables[change.table].get(change.key);
      if (after !== change.before) changes.push({ ...change, after } as RowChange);
    }
    this.forget();
    if (changes.length > 0) this.#append({ index, changes });
  }

  /** The commits after `index`, oldest first; `undefined` if some of them are gone. O(log n) and what is found. */
  since(index: number): readonly Commit[] | undefined {
    if (index < this.#floor) return undefined;
    let low = this.#gone;
    let high = this.#commits.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#commits[middle] as Commit).index > index) high = middle;
      else low = middle + 1;
    }
    return this.#commits.slice(low);
  }

  /** The state was replaced by one whose last change was at `index`. */
  restart(index: number): void {
    this.#commits = [];
    this.#gone = 0;
    this.#changes = 0;
    this.#bytes = 0;
    this.#floor = index;
    this.#lastIndex = index;
    this.#epoch += 1;
    this.#isFresh = true;
    this.forget();
  }

  #append(commit: Commit): void {
    const { index } = commit;
    assert(index >= this.#lastIndex, "commits come in the order of their indexes");
    // A restored state may have an index far below the log's: whoever has one of before must not go on from it.
    if (this.#isFresh) this.#floor = Math.max(this.#floor, index - 1);
    this.#isFresh = false;
    this.#lastIndex = index;
    this.#commits.push(commit);
    this.#changes += commit.changes.length;
    this.#bytes += bytesOf(commit);
    this.#trim();
  }

  #trim(): void {
    const { changesMax, bytesMax } = this.#limits;
    while (this.#changes > changesMax || this.#bytes > bytesMax) {
      const oldest = this.#commits[this.#gone];
      if (oldest === undefined) break;
      this.#gone += 1;
      this.#changes -= oldest.changes.length;
      this.#bytes -= bytesOf(oldest);
      this.#floor = oldest.index;
      // The list keeps its place, but no longer the rows.
      this.#commits[this.#gone - 1] = { index: oldest.index, changes: [] };
    }
    if (this.#gone < goneMax) return;
    this.#commits = this.#commits.slice(this.#gone);
    this.#gone = 0;
  }
}

function bytesOf({ changes }: Commit): number {
  let bytes = 0;
  for (const { table, after } of changes) if (table === "kvs") bytes += after?.Value?.length ?? 0;
  return bytes;
}
