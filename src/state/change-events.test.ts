import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { utf8ByteString } from "../lib/byte-string.ts";
import { HealthCheck, Node } from "../wire/structs/catalog.ts";
import { DirEntry } from "../wire/structs/kv.ts";
import { NodeService } from "../wire/structs/service.ts";
import { Session } from "../wire/structs/session.ts";
import { deleteCheck, deleteNode, deleteService, ensureCheck, ensureNode, ensureService } from "./catalog.ts";
import { ChangeLog } from "./change-log.ts";
import { topicEvents, topicRows, type Topic, type TopicRow } from "./change-events.ts";
import { kvDelete, kvDeleteTree, kvLock, kvSet } from "./kv.ts";
import { sessionCreate } from "./session.ts";
import { StateStore } from "./store.ts";

const names = ["Alpha", "beta"];
const services = ["web", "Db"];
type Op = (store: StateStore, index: number) => unknown;

const nodeName = fc.constantFrom(...names);
const serviceName = fc.constantFrom(...services);
const id = fc.constantFrom("one", "two");
const status = fc.constantFrom("passing", "critical");
const key = fc.constantFrom("a/x", "a/y", "b");

/** Changes of every kind, on so few names that they meet. */
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.tuple(nodeName, fc.nat(2)).map(
    ([Name, octet]): Op =>
      (store, index) =>
        ensureNode(store, index, Node.make({ Node: Name, Address: `10.0.0.${octet}`, Datacenter: "dc1" })),
  ),
  nodeName.map(
    (name): Op =>
      (store, index) =>
        deleteNode(store, index, name),
  ),
  fc.tuple(nodeName, id, serviceName, fc.nat(2)).map(
    ([name, ID, Service, Port]): Op =>
      (store, index) =>
        ensureService(store, index, name, NodeService.make({ ID, Service, Port })),
  ),
  fc.tuple(nodeName, id).map(
    ([name, service]): Op =>
      (store, index) =>
        deleteService(store, index, name, service),
  ),
  fc.tuple(nodeName, fc.constantFrom("", "one", "two"), status).map(
    ([name, ServiceID, Status]): Op =>
      (store, index) =>
        ensureCheck(
          store,
          index,
          HealthCheck.make({ Node: name, CheckID: `c-${ServiceID}`, ServiceID, Status }),
        ),
  ),
  fc.tuple(nodeName, fc.constantFrom("c-", "c-one")).map(
    ([name, check]): Op =>
      (store, index) =>
        deleteCheck(store, index, name, check),
  ),
  fc.tuple(key, fc.nat(2)).map(
    ([Key, value]): Op =>
      (store, index) =>
        kvSet(store, index, DirEntry.make({ Key: utf8ByteString(Key), Value: new Uint8Array([value]) })),
  ),
  key.map(
    (one): Op =>
      (store, index) =>
        kvDelete(store, index, one),
  ),
  fc.constant<Op>((store, index) => kvDeleteTree(store, index, "a/")),
);

const topics: readonly Topic[] = [
  { kind: "kv", prefix: "a/" },
  { kind: "catalog" },
  { kind: "health", service: "web" },
  { kind: "health", service: "db" },
];

type Rows = Map<string, unknown>;

function placeOf(row: TopicRow): string {
  return row.kind === "key" ? row.key : `${row.kind} ${row.node} ${row.key}`;
}

function rowsOf(store: StateStore, topic: Topic): Rows {
  return new Map(topicRows(store, topic).map((row) => [placeOf(row), row.row]));
}

function applied(rows: Rows, changed: TopicRow): void {
  if (changed.row === undefined) rows.delete(placeOf(changed));
  else rows.set(placeOf(changed), changed.row);
}

const sorted = (rows: Rows): unknown => [...rows].sort(([a], [b]) => (a < b ? -1 : 1));

describe("followers of a topic", () => {
  test("see every state that the topic went through, from wherever they begin", () => {
    fc.assert(
      fc.property(fc.array(op, { minLength: 1, maxLength: 30 }), fc.nat(30), (ops, startAt) => {
        const store = new StateStore();
        const states = [topics.map((topic) => rowsOf(store, topic))];
        ops.forEach((one, at) => {
          one(store, at + 1);
          store.commit();
          states.push(topics.map((topic) => rowsOf(store, topic)));
        });
        const start = Math.min(startAt, ops.length);
        const commits = store.changes.since(start) ?? [];
        topics.forEach((topic, which) => {
          const rows: Rows = new Map(states[start]?.[which]);
          const events = topicEvents(store, commits, topic);
          for (let index = start + 1; index <= ops.length; index += 1) {
            for (const event of events) if (event.index === index) applied(rows, event.changed);
            expect(sorted(rows)).toEqual(sorted(states[index]?.[which] ?? new Map()));
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  test("hear of sessions, and of the keys that go or are freed with them", () => {
    const store = new StateStore();
    const ids = ["aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"] as const;
    ensureNode(store, 1, Node.make({ Node: "a" }));
    sessionCreate(store, 2, Session.make({ ID: ids[0], Node: "a", Behavior: "delete" }));
    sessionCreate(store, 3, Session.make({ ID: ids[1], Node: "a" }));
    kvLock(store, 4, DirEntry.make({ Key: utf8ByteString("gone"), Session: ids[0] }));
    kvLock(store, 5, DirEntry.make({ Key: utf8ByteString("freed"), Session: ids[1] }));
    store.commit();
    deleteNode(store, 6, "a");
    store.commit();
    const commits = store.changes.since(5) ?? [];
    const told = (topic: Topic): unknown =>
      topicEvents(store, commits, topic).map(({ changed: { kind, key: name, row } }) => [
        kind,
        name,
        row === undefined ? "gone" : "there",
      ]);
    expect(told({ kind: "sessions" })).toEqual(ids.map((one) => ["session", one, "gone"]));
    expect(told({ kind: "kv", prefix: "" })).toEqual([
      ["key", "gone", "gone"],
      ["key", "freed", "there"],
    ]);
  });

  test("hear of nothing twice: one event per row and commit", () => {
    const store = new StateStore();
    ensureNode(store, 1, Node.make({ Node: "a" }));
    ensureService(store, 1, "a", NodeService.make({ ID: "w", Service: "web" }));
    ensureCheck(store, 1, HealthCheck.make({ Node: "a", CheckID: "c", ServiceID: "w", Status: "passing" }));
    store.commit();
    const events = topicEvents(store, store.changes.since(0) ?? [], { kind: "health", service: "web" });
    expect(events.map(({ index, changed }) => [index, changed.kind, changed.key])).toEqual([
      [1, "instance", "w"],
    ]);
  });
});

describe("the change log", () => {
  const put = (log: ChangeLog, index: number, bytes = 1): void =>
    log.commit(index, [["k", DirEntry.make({ Value: new Uint8Array(bytes) })]], {
      kvs: new Map(),
      sessions: new Map(),
      nodes: new Map(),
      services: new Map(),
      checks: new Map(),
    });
  const indexes = (log: ChangeLog, from: number): number[] | undefined =>
    log.since(from)?.map(({ index }) => index);

  test("gives what came after an index, and nothing where some of that is gone", () => {
    const log = new ChangeLog({ changesMax: 3, bytesMax: 1000 });
    for (const index of [5, 7, 9, 12, 20]) put(log, index);
    expect(indexes(log, 7)).toEqual([9, 12, 20]);
    expect(indexes(log, 8)).toEqual([9, 12, 20]);
    expect(indexes(log, 19)).toEqual([20]);
    expect(indexes(log, 20)).toEqual([]);
    expect(indexes(log, 6)).toBeUndefined();
  });

  test("holds no more bytes than it may", () => {
    const log = new ChangeLog({ changesMax: 1000, bytesMax: 10 });
    for (let index = 1; index <= 3000; index += 1) put(log, index, 4);
    expect(indexes(log, 2997)).toBeUndefined();
    expect(indexes(log, 2998)).toEqual([2999, 3000]);
  });

  test("after a restore nobody goes on from an index of before", () => {
    const log = new ChangeLog();
    for (const index of [5, 6, 7]) put(log, index);
    log.restart(3);
    expect([log.lastIndex, log.epoch]).toEqual([3, 1]);
    put(log, 9);
    expect(indexes(log, 7)).toBeUndefined();
    expect(indexes(log, 8)).toEqual([9]);
  });

  test("an undone command leaves no trace", () => {
    const store = new StateStore();
    const saved = store.fork();
    ensureNode(store, 4, Node.make({ Node: "a" }));
    store.rollback(saved);
    kvSet(store, 5, DirEntry.make({ Key: utf8ByteString("k") }));
    store.commit();
    expect(store.changes.since(0)?.map(({ changes }) => changes.map(({ table }) => table))).toEqual([
      ["kvs"],
    ]);
  });
});
