/**
 * What followers of the state are told, from the commits of the change log.
 *
 * A topic is a set of rows: the keys below a prefix, the sessions, nodes and services, or the instances of one
 * service with their checks. The last is no table: an instance is made of four. So the tables are wound back to
 * each commit in turn, by the rows as they were before the later ones, and every event shows the state of its index.
 */
import type { CheckServiceNode, HealthCheck } from "../wire/structs/catalog.ts";
import type { DirEntry } from "../wire/structs/kv.ts";
import type { NodeService } from "../wire/structs/service.ts";
import type { Node } from "../wire/structs/catalog.ts";
import type { Session } from "../wire/structs/session.ts";
import { foldName, nodeOfRowKey, nodePrefix, rowKeyOfInstance, servicePrefix } from "./catalog-rows.ts";
import type { ChangedRows, ChangedTable, Commit, RowChange } from "./change-log.ts";
import { checkServiceNodes } from "./health.ts";
import type { StateStore, Tables } from "./store.ts";
import { WatchSet } from "./watch.ts";

/** Which rows to follow. */
export type Topic =
  | { readonly kind: "kv"; readonly prefix: string }
  | { readonly kind: "health"; readonly service: string }
  | { readonly kind: "catalog" }
  | { readonly kind: "sessions" };

/** A row of a topic, by what it is. `node`: the name of its node. */
export type TopicRow =
  | { readonly kind: "key"; readonly key: string; readonly row: DirEntry | undefined }
  | {
      readonly kind: "session";
      readonly key: string;
      readonly node: string;
      readonly row: Session | undefined;
    }
  | { readonly kind: "node"; readonly key: string; readonly node: string; readonly row: Node | undefined }
  | {
      readonly kind: "service";
      readonly key: string;
      readonly node: string;
      readonly service: string;
      readonly row: NodeService | undefined;
    }
  | {
      readonly kind: "instance";
      readonly key: string;
      readonly node: string;
      readonly service: string;
      readonly row: CheckServiceNode | undefined;
    };

/** A row that was put, or, without a `row`, deleted. */
export interface TopicEvent {
  readonly index: number;
  readonly changed: TopicRow;
}

/** Notes what a topic depends on. */
export function watchTopic(watch: WatchSet, topic: Topic): void {
  switch (topic.kind) {
    case "kv":
      return watch.kvPrefix(topic.prefix);
    case "health":
      watch.topic(`service:${foldName(topic.service)}`);
      return watch.topic(`health:${foldName(topic.service)}`);
    case "catalog":
      watch.topic("nodes");
      return watch.topic("service-rows");
    case "sessions":
      return watch.topic("sessions");
  }
}

/** All rows of a topic, in the order of their tables. */
export function topicRows(store: StateStore, topic: Topic): TopicRow[] {
  const { kvs, sessions, nodes, services } = store.tables;
  switch (topic.kind) {
    case "kv":
      return [...kvs.withPrefix(topic.prefix)].map(([key, row]) => ({ kind: "key", key, row }));
    case "sessions":
      return [...sessions.values()].map((row) => ({ kind: "session", key: row.ID, node: row.Node, row }));
    case "catalog":
      return [
        ...[...nodes.values()].map((row) => nodeRow(row.Node, row)),
        ...[...services.entries()].map(([key, row]) =>
          serviceRow(nodes.get(nodeOfRowKey(key))?.Node ?? nodeOfRowKey(key), { row, named: row }),
        ),
      ];
    case "health":
      return checkServiceNodes(store, new WatchSet(), {
        service: topic.service,
        connect: false,
        tags: undefined,
      }).map((row) => ({
        kind: "instance",
        key: row.Service?.ID ?? "",
        node: row.Node?.Node ?? "",
        service: row.Service?.Service ?? "",
        row,
      }));
  }
}

/** What the commits changed in a topic, in their order. The commits must reach to the present state. */
export function topicEvents(store: StateStore, commits: readonly Commit[], topic: Topic): TopicEvent[] {
  if (topic.kind === "health") return healthEvents(store.tables, commits, foldName(topic.service));
  const nameOf = nodeNames(store.tables, commits);
  const events: TopicEvent[] = [];
  for (const { index, changes } of commits) {
    for (const change of changes) {
      const changed = rowOfTopic(topic, change, nameOf);
      if (changed !== undefined) events.push({ index, changed });
    }
  }
  return events;
}

type NameOf = (lowerCaseNode: string) => string;

/** Nodes as they were spelled, also those that the commits removed. */
function nodeNames(tables: Tables, commits: readonly Commit[]): NameOf {
  const removed = new Map<string, string>();
  for (const { changes } of commits) {
    for (const { table, key, before } of changes) {
      if (table === "nodes" && before !== undefined) removed.set(key, before.Node);
    }
  }
  return (node) => tables.nodes.get(node)?.Node ?? removed.get(node) ?? node;
}

function rowOfTopic(
  topic: Exclude<Topic, { kind: "health" }>,
  change: RowChange,
  nameOf: NameOf,
): TopicRow | undefined {
  const { key } = change;
  switch (change.table) {
    case "kvs":
      if (topic.kind !== "kv" || !key.startsWith(topic.prefix)) return undefined;
      return { kind: "key", key, row: change.after };
    case "sessions": {
      const known = change.after ?? change.before;
      if (topic.kind !== "sessions" || known === undefined) return undefined;
      return { kind: "session", key: known.ID, node: known.Node, row: change.after };
    }
    case "nodes":
      if (topic.kind !== "catalog") return undefined;
      return nodeRow((change.after ?? change.before)?.Node ?? key, change.after);
    case "services": {
      const named = change.after ?? change.before;
      if (topic.kind !== "catalog" || named === undefined) return undefined;
      return serviceRow(nameOf(nodeOfRowKey(key)), { row: change.after, named });
    }
    case "checks":
      return undefined;
  }
}

function nodeRow(name: string, row: Node | undefined): TopicRow {
  return { kind: "node", key: name, node: name, row };
}

function serviceRow(
  node: string,
  { row, named }: { readonly row: NodeService | undefined; readonly named: NodeService },
): TopicRow {
  return { kind: "service", key: named.ID, node, service: named.Service, row };
}

function healthEvents(tables: Tables, commits: readonly Commit[], service: string): TopicEvent[] {
  const past = new PastTables(tables, commits);
  const nameOf = nodeNames(tables, commits);
  const events: TopicEvent[] = [];
  for (const { index, changes } of commits) {
    const gone = new Map<string, NodeService>();
    past.goThrough(changes);
    const touched = new Set<string>();
    for (const change of changes) {
      for (const key of touchedInstances(past, service, change)) touched.add(key);
      if (change.table === "services" && isOf(change.before, service)) gone.set(change.key, change.before);
    }
    const checksByNode = new Map<string, readonly HealthCheck[]>();
    for (const key of touched) {
      const changed =
        past.instance(key, service, checksByNode) ?? goneInstance(nameOf(nodeOfRowKey(key)), gone.get(key));
      if (changed !== undefined) events.push({ index, changed });
    }
  }
  return events;
}

function isOf(row: NodeService | undefined, service: string): row is NodeService {
  return row !== undefined && foldName(row.Service) === service;
}

function goneInstance(node: string, row: NodeService | undefined): TopicRow | undefined {
  if (row === undefined) return undefined;
  return { kind: "instance", key: row.ID, node, service: row.Service, row: undefined };
}

/** Row keys of the instances of a service that a change may have touched. */
function touchedInstances(past: PastTables, service: string, change: RowChange): readonly string[] {
  const node = nodeOfRowKey(change.key);
  switch (change.table) {
    case "services":
      return [change.key];
    case "nodes":
      return past.instancesOn(change.key, service);
    case "checks": {
      const ids = new Set([change.before?.ServiceID, change.after?.ServiceID]);
      if (ids.has("")) return past.instancesOn(node, service);
      return [...ids].flatMap((id) => (id === undefined ? [] : [nodePrefix(node) + id]));
    }
    case "kvs":
    case "sessions":
      return [];
  }
}

/** The tables as they were after a commit: those of the present, and over them what later commits changed. */
class PastTables {
  readonly #tables: Tables;
  /** Rows that differ, or may, from the present. */
  readonly #rows: { readonly [T in ChangedTable]: Map<string, ChangedRows[T] | undefined> } = {
    kvs: new Map(),
    sessions: new Map(),
    nodes: new Map(),
    services: new Map(),
    checks: new Map(),
  };

  /** As they were before the first of the commits. */
  constructor(tables: Tables, commits: readonly Commit[]) {
    this.#tables = tables;
    for (const { changes } of commits.toReversed()) {
      for (const { table, key, before } of changes) this.#set(table, key, before);
    }
  }

  /** On to the state after these changes. */
  goThrough(changes: readonly RowChange[]): void {
    for (const { table, key, after } of changes) this.#set(table, key, after);
  }

  get<T extends "nodes" | "services" | "checks">(table: T, key: string): ChangedRows[T] | undefined {
    const rows = this.#rows[table] as Map<string, ChangedRows[T] | undefined>;
    if (rows.has(key)) return rows.get(key);
    return this.#tables[table].get(key) as ChangedRows[T] | undefined;
  }

  /** Row keys of a service's instances on a node. */
  instancesOn(node: string, service: string): readonly string[] {
    const prefix = servicePrefix(service) + nodePrefix(node);
    const keys = new Set<string>();
    for (const [key] of this.#tables.servicesByName.withPrefix(prefix)) keys.add(rowKeyOfInstance(key));
    for (const key of this.#rows.services.keys()) if (key.startsWith(nodePrefix(node))) keys.add(key);
    return [...keys].filter((key) => isOf(this.get("services", key), service));
  }

  /** An instance with its node and the checks of both, or `undefined` if it is not one of the service. */
  instance(
    key: string,
    service: string,
    checksByNode: Map<string, readonly HealthCheck[]>,
  ): TopicRow | undefined {
    const row = this.get("services", key);
    const node = nodeOfRowKey(key);
    const owner = this.get("nodes", node);
    if (!isOf(row, service) || owner === undefined) return undefined;
    let checks = checksByNode.get(node);
    if (checks === undefined) checksByNode.set(node, (checks = this.#checksOf(node)));
    const Checks = [
      ...checks.filter(({ ServiceID }) => ServiceID === ""),
      ...checks.filter(({ ServiceID }) => ServiceID === row.ID),
    ];
    const shown = { Node: owner, Service: row, Checks };
    return { kind: "instance", key: row.ID, node: owner.Node, service: row.Service, row: shown };
  }

  #checksOf(node: string): readonly HealthCheck[] {
    const prefix = nodePrefix(node);
    const keys = new Set<string>();
    for (const [key] of this.#tables.checks.withPrefix(prefix)) keys.add(key);
    for (const key of this.#rows.checks.keys()) if (key.startsWith(prefix)) keys.add(key);
    return [...keys].sort().flatMap((key) => this.get("checks", key) ?? []);
  }

  #set(table: ChangedTable, key: string, row: RowChange["after"]): void {
    (this.#rows[table] as Map<string, RowChange["after"]>).set(key, row);
  }
}
