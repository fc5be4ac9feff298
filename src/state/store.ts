/**
 * The replicated state: tables, the last index of each, and the watches on them.
 *
 * Rules for the functions that change it (`kv.ts`, `session.ts`, `catalog.ts` …):
 * - they take the store and the log index of the command, and change nothing if they refuse;
 * - every row they touch gets `ModifyIndex = index`, and every table they touch `setIndex(table, index)`;
 * - they report what changed by `changedKey` or `changedTopic`; watches fire at `commit()`.
 * One command is applied at a time: change functions, then `commit()` or, to undo all of it, `rollback()`.
 */
import { OrderedMap } from "../lib/ordered-map.ts";
import type { Node, HealthCheck } from "../wire/structs/catalog.ts";
import type { DirEntry } from "../wire/structs/kv.ts";
import type { AutopilotConfig, Coordinate } from "../wire/structs/operator.ts";
import type { NodeService } from "../wire/structs/service.ts";
import type { Session } from "../wire/structs/session.ts";
import { ChangeLog, type ChangedRows, type ChangedTable } from "./change-log.ts";
import type { StoredQuery } from "./query-template.ts";
import { WatchRegistry } from "./watch.ts";

/** Separates the parts of a compound key; no name holds it. */
export const keySeparator = "\u0000";

/** All rows. Values are never mutated: a change puts a new object. */
export interface Tables {
  /** By key (a byte string). */
  readonly kvs: OrderedMap<DirEntry>;
  /** `time NUL key` → true: entries that expire, by calendar milliseconds with leading zeros. */
  readonly kvExpiries: OrderedMap<true>;
  /** Deleted keys → index of the deletion. */
  readonly tombstones: OrderedMap<number>;
  /** By id. */
  readonly sessions: OrderedMap<Session>;
  /** `node NUL id` → true: sessions of a node. */
  readonly sessionsByNode: OrderedMap<true>;
  /** `node NUL check NUL session` → true: sessions that a check keeps alive. */
  readonly sessionChecks: OrderedMap<true>;
  /** `session NUL key` → true: keys that a session holds. */
  readonly sessionKeys: OrderedMap<true>;
  /** By lower-case node name. */
  readonly nodes: OrderedMap<Node>;
  /** Node id → lower-case node name. */
  readonly nodeIds: OrderedMap<string>;
  /** `lower-case node NUL service id`. */
  readonly services: OrderedMap<NodeService>;
  /** `service name NUL lower-case node NUL service id` → true. */
  readonly servicesByName: OrderedMap<true>;
  /** `lower-case node NUL check id`. */
  readonly checks: OrderedMap<HealthCheck>;
  /** `node NUL segment`. */
  readonly coordinates: OrderedMap<Coordinate>;
  /** By lower-case id. */
  readonly preparedQueries: OrderedMap<StoredQuery>;
  /** Lower-case name → lower-case id, of those that have a name. */
  readonly preparedQueryNames: OrderedMap<string>;
  /** Lower-case name, which may be "" → lower-case id, of templates. */
  readonly preparedQueryTemplates: OrderedMap<string>;
  /** `session NUL id` → true: queries that go with a session. */
  readonly preparedQuerySessions: OrderedMap<true>;
  readonly systemMetadata: OrderedMap<string>;
  /** Table or topic → last index, as Consul names them (`kvs`, `nodes`, `service.web` …). */
  readonly indexes: OrderedMap<number>;
  /** Snapshot records of areas that this version does not know: type and place → MessagePack value, unread. */
  readonly kept: OrderedMap<Uint8Array>;
  /** The single autopilot row under the key "". */
  readonly autopilot: OrderedMap<AutopilotConfig>;
}

function emptyTables(): Tables {
  return {
    kvs: new OrderedMap(),
    kvExpiries: new OrderedMap(),
    tombstones: new OrderedMap(),
    sessions: new OrderedMap(),
    sessionsByNode: new OrderedMap(),
    sessionChecks: new OrderedMap(),
    sessionKeys: new OrderedMap(),
    nodes: new OrderedMap(),
    nodeIds: new OrderedMap(),
    services: new OrderedMap(),
    servicesByName: new OrderedMap(),
    checks: new OrderedMap(),
    coordinates: new OrderedMap(),
    preparedQueries: new OrderedMap(),
    preparedQueryNames: new OrderedMap(),
    preparedQueryTemplates: new OrderedMap(),
    preparedQuerySessions: new OrderedMap(),
    systemMetadata: new OrderedMap(),
    indexes: new OrderedMap(),
    kept: new OrderedMap(),
    autopilot: new OrderedMap(),
  };
}

function cloneTables(tables: Tables): Tables {
  return Object.fromEntries(
    Object.entries(tables).map(([name, table]) => [name, (table as OrderedMap<unknown>).clone()]),
  ) as unknown as Tables;
}

/** A lock that was lost by force and may not be taken again for a while. Per server, never replicated. */
export interface LockDelays {
  /** Called when a session that held `key` was invalidated with this delay. */
  start(key: string, delayNs: number): void;
}

export class StateStore {
  readonly watches = new WatchRegistry();
  /** The last changes, row by row. */
  readonly changes = new ChangeLog();
  #tables: Tables = emptyTables();
  /** With their rows; `undefined` for those that are gone. */
  #changedKeys = new Map<string, DirEntry | undefined>();
  #changedTopics = new Set<string>();
  /** Highest index of any table. */
  #index = 0;
  readonly #lockDelays: LockDelays;

  constructor(lockDelays: LockDelays = { start: () => undefined }) {
    this.#lockDelays = lockDelays;
  }

  get tables(): Tables {
    return this.#tables;
  }

  get lockDelays(): LockDelays {
    return this.#lockDelays;
  }

  /** An immutable view of all rows. O(number of tables). */
  view(): Tables {
    return cloneTables(this.#tables);
  }

  /** The highest of the tables' last indexes; 0 for those never written. */
  maxIndex(...tables: readonly string[]): number {
    let max = 0;
    for (const table of tables) max = Math.max(max, this.#tables.indexes.get(table) ?? 0);
    return max;
  }

  setIndex(table: string, index: number): void {
    this.#tables.indexes.set(table, index);
    if (index > this.#index) this.#index = index;
  }

  /** A KV key was set to `row`, or deleted. Wakes readers of the key and of every prefix of it. */
  changedKey(key: string, row: DirEntry | undefined): void {
    this.#changedKeys.set(key, row);
    this.#changedTopics.add(`kv:${key}`);
  }

  /** A row is about to be set or deleted; `before` is what it is until then. Keys need not be told here. */
  changesRow<T extends ChangedTable>(table: T, key: string, before: ChangedRows[T] | undefined): void {
    this.changes.note(table, key, before);
  }

  changedTopic(topic: string): void {
    this.#changedTopics.add(topic);
  }

  /** Marks where `rollback` returns to; for commands of several steps. */
  fork(): Tables {
    return this.view();
  }

  /** Undoes everything since `fork`, reports included. */
  rollback(saved: Tables): void {
    this.#tables = saved;
    this.#forgetChanges();
  }

  /** Ends a command: wakes the watches it touched. */
  commit(): void {
    if (this.#changedTopics.size === 0) return;
    this.changes.commit(this.#index, this.#changedKeys, this.#tables);
    const topics = this.#changedTopics;
    const keys = this.#changedKeys;
    this.#forgetChanges();
    this.watches.fire(topics, keys.keys());
  }

  /**
   * Builds another state apart from this one, as a snapshot holds it. Calling what comes back replaces everything by
   * it, and wakes every watch; nothing changes before, or if `build` throws.
   */
  prepare(build: (fresh: StateStore) => void): () => void {
    const fresh = new StateStore(this.#lockDelays);
    build(fresh);
    return () => {
      this.#tables = fresh.#tables;
      this.#index = fresh.#index;
      this.changes.restart(fresh.#index);
      this.#forgetChanges();
      this.watches.fireAll();
    };
  }

  #forgetChanges(): void {
    this.#changedKeys = new Map();
    this.#changedTopics = new Set();
    this.changes.forget();
  }
}
