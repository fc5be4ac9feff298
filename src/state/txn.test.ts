import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { utf8ByteString, type ByteString } from "../lib/byte-string.ts";
import { HealthCheck, Node } from "../wire/structs/catalog.ts";
import { DirEntry, type KvOp } from "../wire/structs/kv.ts";
import { NodeService } from "../wire/structs/service.ts";
import { Session } from "../wire/structs/session.ts";
import { TxnOp, type TxnResponse } from "../wire/structs/txn.ts";
import { ensureNode, getNode } from "./catalog.ts";
import { KvModel, type ModelOp } from "./kv-model.ts";
import { kvGet, kvList, kvSet } from "./kv.ts";
import { sessionCreate } from "./session.ts";
import { StateStore } from "./store.ts";
import { txnApply, txnRead } from "./txn.ts";
import { WatchSet } from "./watch.ts";

const sessions = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"] as const;
const dead = "33333333-3333-4333-8333-333333333333";
const keys = ["a", "a/", "a/b", "a/bc", "ab", "b"] as const;
const prefixes = ["", "a", "a/", "a/b", "b", "c"] as const;
const text = new TextEncoder();

function storeWithSessions(): StateStore {
  const store = new StateStore();
  ensureNode(store, 1, Node.make({ Node: "n1", Address: "127.0.0.1" }));
  for (const ID of sessions) sessionCreate(store, 2, Session.make({ ID, Node: "n1" }));
  store.commit();
  return store;
}

function kvOp(Verb: string, given: Partial<DirEntry>): TxnOp {
  return TxnOp.make({ KV: { Verb, DirEnt: DirEntry.make(given) } });
}

const operation: fc.Arbitrary<ModelOp> = fc
  .record({
    verb: fc.constantFrom<KvOp>(
      "set",
      "set",
      "cas",
      "delete",
      "delete-cas",
      "delete-tree",
      "lock",
      "lock",
      "unlock",
    ),
    key: fc.constantFrom<string>(...keys),
    value: fc.constantFrom("", "x", "y"),
    session: fc.constantFrom<string>(...sessions, dead),
    rightIndex: fc.boolean(),
  })
  // Only whole trees have an empty name.
  .map((op) => (op.verb === "delete-tree" && op.key === "b" ? { ...op, key: "" } : op));

/** Watches on every key and prefix; tells afterwards which fired. */
function watchAll(store: StateStore): { readonly keys: () => string[]; readonly prefixes: () => string[] } {
  const fired = { keys: new Set<string>(), prefixes: new Set<string>() };
  const handles = [
    ...keys.map((key) => {
      const set = new WatchSet();
      kvGet(store, key as ByteString, set);
      return store.watches.watch(set, () => fired.keys.add(key));
    }),
    ...prefixes.map((prefix) => {
      const set = new WatchSet();
      kvList(store, prefix as ByteString, set);
      return store.watches.watch(set, () => fired.prefixes.add(prefix));
    }),
  ];
  const settle = (which: Set<string>) => (): string[] => {
    for (const handle of handles) handle[Symbol.dispose]();
    return [...which].sort();
  };
  return { keys: settle(fired.keys), prefixes: settle(fired.prefixes) };
}

function expectSame(store: StateStore, model: KvModel): void {
  for (const key of keys) {
    const { index, entry } = kvGet(store, key as ByteString);
    const expected = model.entries.get(key);
    expect(index).toBe(expected?.modified ?? model.maxIndex);
    if (expected === undefined) expect(entry).toBeUndefined();
    else {
      expect(entry).toEqual({
        LockIndex: expected.lock,
        Key: key as ByteString,
        Flags: 0n,
        Value: text.encode(expected.value),
        Session: expected.session,
        CreateIndex: expected.created,
        ModifyIndex: expected.modified,
        ExpiresAt: 0,
      });
    }
  }
  for (const prefix of prefixes) {
    const { index, entries } = kvList(store, prefix as ByteString);
    expect(index).toBe(model.listIndex(prefix));
    const expected = [...model.entries.keys()].filter((key) => key.startsWith(prefix)).sort();
    expect(entries.map((entry) => String(entry.Key))).toEqual(expected);
  }
  expect(new Map(store.tables.tombstones.entries())).toEqual(model.stones);
  const held = [...model.entries].filter(([, entry]) => entry.session !== "").length;
  expect(store.tables.sessionKeys.size).toBe(held);
}

test("any transactions agree with a plain map, and wake exactly the readers they concern", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(operation, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
      (transactions) => {
        const store = storeWithSessions();
        let model = new KvModel(sessions);
        for (const [at, operations] of transactions.entries()) {
          const index = 10 + at;
          const next = model.copy();
          next.touched.clear();
          const ops: TxnOp[] = [];
          const failed: number[] = [];
          for (const [i, op] of operations.entries()) {
            ops.push(
              kvOp(op.verb, {
                Key: op.key as ByteString,
                Value: text.encode(op.value),
                Session: op.session,
                ModifyIndex: next.casIndex(op),
              }),
            );
            if (!next.apply(op, index)) failed.push(i);
          }
          const watched = watchAll(store);
          const answer = txnApply(store, index, ops);
          store.commit();
          expect((answer.Errors ?? []).map((error) => error.OpIndex)).toEqual(failed);
          const touched = failed.length > 0 ? [] : [...next.touched].sort();
          expect(watched.keys()).toEqual(touched);
          const concerned = prefixes.filter((prefix) => touched.some((key) => key.startsWith(prefix)));
          expect(watched.prefixes()).toEqual(concerned.toSorted());
          if (failed.length === 0) model = next;
          expectSame(store, model);
        }
      },
    ),
    { numRuns: 150 },
  );
});

describe("refusals", () => {
  const store = storeWithSessions();
  kvSet(store, 3, DirEntry.make({ Key: "seed" as ByteString, Value: text.encode("s") }));
  store.commit();
  const [s1] = sessions;
  const key = (name: string): { readonly Key: ByteString } => ({ Key: utf8ByteString(name) });

  test.each<[string, TxnOp, string]>([
    ["get", kvOp("get", key("ü\n")), 'key "ü\\n" doesn\'t exist'],
    ["exists", kvOp("check-not-exists", key("seed")), 'key "seed" exists'],
    [
      "index",
      kvOp("check-index", { ...key("seed"), ModifyIndex: 1 }),
      'failed index check for key "seed", current modify index 3 != 1',
    ],
    ["index of none", kvOp("check-index", key("no")), 'failed to check index, key "no" doesn\'t exist'],
    [
      "session",
      kvOp("check-session", { ...key("seed"), Session: s1 }),
      `failed session check for key "seed", current session "" != "${s1}"`,
    ],
    ["session of none", kvOp("check-session", key("no")), 'failed to check session, key "no" doesn\'t exist'],
    ["cas", kvOp("cas", { ...key("seed"), ModifyIndex: 9 }), 'failed to set key "seed", index is stale'],
    [
      "delete-cas",
      kvOp("delete-cas", { ...key("seed"), ModifyIndex: 9 }),
      'failed to delete key "seed", index is stale',
    ],
    ["lock without", kvOp("lock", key("l")), "missing session"],
    ["lock dead", kvOp("lock", { ...key("l"), Session: dead }), `invalid session "${dead}"`],
    [
      "lock malformed",
      kvOp("lock", { ...key("l"), Session: "x" }),
      "failed session lookup: index error: UUID must be 36 characters",
    ],
    [
      "unlock",
      kvOp("unlock", { ...key("seed"), Session: s1 }),
      'failed to unlock key "seed", lock isn\'t held, or is held by another session',
    ],
    ["verb", kvOp("zap", key("x")), 'unknown KV verb "zap"'],
    ["nothing", TxnOp.make({}), "no operation specified"],
    [
      "node",
      TxnOp.make({ Node: { Verb: "get", Node: Node.make({ Node: "no" }) } }),
      'node "no" doesn\'t exist',
    ],
    [
      "node by id",
      TxnOp.make({ Node: { Verb: "get", Node: Node.make({ ID: "zzz" }) } }),
      "node lookup by ID failed: index error: UUID (without hyphens) must be even length",
    ],
    [
      "node cas",
      TxnOp.make({
        Node: { Verb: "cas", Node: Node.make({ Node: "n1", Address: "1.1.1.1", ModifyIndex: 7 }) },
      }),
      'failed to set node "n1", index is stale',
    ],
    [
      "node verb",
      TxnOp.make({ Node: { Verb: "zap", Node: Node.make({ Node: "n1" }) } }),
      'unknown Node verb "zap"',
    ],
    [
      "service",
      TxnOp.make({ Service: { Verb: "get", Node: "n1", Service: NodeService.make({ ID: "w" }) } }),
      'service "w" on node "n1" doesn\'t exist',
    ],
    [
      "service without node",
      TxnOp.make({
        Service: { Verb: "set", Node: "no", Service: NodeService.make({ ID: "w", Service: "w" }) },
      }),
      "Missing node registration",
    ],
    [
      "check",
      TxnOp.make({ Check: { Verb: "get", Check: HealthCheck.make({ Node: "n1", CheckID: "c" }) } }),
      'check "c" on node "n1" doesn\'t exist',
    ],
    [
      "session verb",
      TxnOp.make({ Session: { Verb: "zap", Session: Session.make({ ID: s1 }) } }),
      'failed to delete session: unknown Session verb "zap"',
    ],
  ])("%s", (_name, op, What) => {
    const before = [...store.tables.kvs.entries()];
    const answer: TxnResponse = txnApply(store, 50, [kvOp("set", key("other")), op]);
    expect(answer).toEqual({ Results: null, Errors: [{ OpIndex: 1, What }] });
    expect([...store.tables.kvs.entries()]).toEqual(before);
  });
});

describe("results", () => {
  test("only reads answer the value, and later operations see earlier ones", () => {
    const store = storeWithSessions();
    const Key = "k" as ByteString;
    const Value = text.encode("v");
    const { Results, Errors } = txnApply(store, 5, [
      kvOp("set", { Key, Value, Flags: 3n }),
      kvOp("get", { Key }),
      kvOp("get-tree", { Key }),
      kvOp("get-or-empty", { Key: "none" as ByteString, Flags: 4n, Value, ModifyIndex: 7 }),
      kvOp("check-index", { Key, ModifyIndex: 5 }),
      kvOp("delete", { Key }),
      kvOp("check-not-exists", { Key }),
    ]);
    const stored = DirEntry.make({ Key, Flags: 3n, Value, CreateIndex: 5, ModifyIndex: 5 });
    const none = DirEntry.make({ Key: "none" as ByteString, Flags: 4n, ModifyIndex: 7 });
    expect(Errors).toBeNull();
    expect((Results ?? []).map(({ KV }) => KV)).toEqual([
      { ...stored, Value: null },
      stored,
      stored,
      none,
      { ...stored, Value: null },
    ]);
  });

  test("nodes, services and checks are set, read, and go together", () => {
    const store = storeWithSessions();
    const node = Node.make({ Node: "n2", Address: "10.0.0.2" });
    const service = NodeService.make({ ID: "w1", Service: "web", Weights: { Passing: 1, Warning: 1 } });
    const check = HealthCheck.make({
      Node: "n2",
      CheckID: "c1",
      Name: "c",
      Status: "passing",
      ServiceID: "w1",
    });
    const { Results, Errors } = txnApply(store, 7, [
      TxnOp.make({ Node: { Verb: "cas", Node: node } }),
      TxnOp.make({ Service: { Verb: "set", Node: "n2", Service: service } }),
      TxnOp.make({ Check: { Verb: "set", Check: check } }),
    ]);
    expect(Errors).toBeNull();
    expect(Results?.[0]?.Node).toMatchObject({ Node: "n2", CreateIndex: 7, ModifyIndex: 7 });
    expect(Results?.[1]?.Service).toMatchObject({ ID: "w1", ModifyIndex: 7 });
    expect(Results?.[2]?.Check).toMatchObject({ ServiceName: "web", ModifyIndex: 7 });
    const gone = txnApply(store, 8, [
      TxnOp.make({ Node: { Verb: "delete-cas", Node: { ...node, ModifyIndex: 7 } } }),
    ]);
    expect(gone).toEqual({ Results: [], Errors: null });
    expect(getNode(store, "n2")).toBeUndefined();
  });

  test("a read-only run refuses to write", () => {
    const answer = txnRead(storeWithSessions(), [kvOp("set", { Key: "k" as ByteString })]);
    expect(answer.Errors).toEqual([{ OpIndex: 0, What: "cannot insert in read-only transaction" }]);
  });
});
