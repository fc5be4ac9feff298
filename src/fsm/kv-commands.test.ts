import { expect, test } from "bun:test";
import type { ByteString } from "../lib/byte-string.ts";
import { ensureNode } from "../state/catalog.ts";
import { Refusal } from "../state/refusal.ts";
import { StateStore, type Tables } from "../state/store.ts";
import { Node } from "../wire/structs/catalog.ts";
import { DirEntry, KVSRequest, TombstoneRequest } from "../wire/structs/kv.ts";
import { Session, SessionRequest } from "../wire/structs/session.ts";
import { commandType } from "./command.ts";
import { encodeCommand } from "./encode.ts";
import { Fsm } from "./fsm.ts";
import { kvCommands, kvSnapshotPart } from "./kv-commands.ts";
import { sessionCommands, sessionSnapshotPart } from "./session-commands.ts";

const sessionId = "11111111-1111-4111-8111-111111111111";

function machine(): { readonly store: StateStore; readonly fsm: Fsm } {
  const store = new StateStore();
  const fsm = new Fsm(store, [...kvCommands, ...sessionCommands], [kvSnapshotPart, sessionSnapshotPart]);
  return { store, fsm };
}

function kv(Op: string, given: { Key: string } & Partial<Omit<DirEntry, "Key">>): Uint8Array {
  const DirEnt = DirEntry.make({ ...given, Key: given.Key as ByteString });
  return encodeCommand(commandType.kvs, KVSRequest, KVSRequest.make({ Op, DirEnt }));
}

function session(Op: string, given: Partial<Session>): Uint8Array {
  const body = SessionRequest.make({ Op, Session: Session.make(given) });
  return encodeCommand(commandType.session, SessionRequest, body);
}

function filled(): { readonly store: StateStore; readonly fsm: Fsm } {
  const made = machine();
  ensureNode(made.store, 1, Node.make({ Node: "n1", Address: "127.0.0.1" }));
  const log = [
    session("create", { ID: sessionId, Node: "n1" }),
    kv("lock", {
      Key: "held",
      Session: sessionId,
      Value: new Uint8Array([1, 2, 255]),
      Flags: 2n ** 64n - 1n,
    }),
    kv("set", { Key: "\u00ff/bytes", Value: new Uint8Array() }),
    kv("set", { Key: "gone" }),
    kv("delete", { Key: "gone" }),
  ];
  for (const [at, bytes] of log.entries()) made.fsm.apply(10 + at, bytes);
  return made;
}

const rows = (tables: Tables): unknown =>
  (["kvs", "tombstones", "sessions", "sessionsByNode", "sessionChecks", "sessionKeys"] as const).map(
    (table) => [...tables[table].entries()],
  );

test("answers what became of each operation", () => {
  const { fsm } = filled();
  expect(fsm.apply(20, kv("cas", { Key: "held", ModifyIndex: 1 }))).toBe(false);
  expect(fsm.apply(21, kv("delete-cas", { Key: "none", ModifyIndex: 1 }))).toBe(true);
  expect(fsm.apply(22, kv("unlock", { Key: "held", Session: sessionId }))).toBe(true);
  expect(fsm.apply(23, kv("zap", { Key: "held" }))).toEqual(new Refusal("Invalid KVS operation 'zap'"));
  expect(fsm.apply(24, session("zap", {}))).toEqual(new Refusal("Invalid Session operation 'zap'"));
  expect(fsm.apply(25, session("destroy", { ID: sessionId }))).toBeUndefined();
});

test("a snapshot brings every row and index back", () => {
  const { store, fsm } = filled();
  const state = Buffer.concat([...fsm.snapshot()]);
  const restored = machine();
  restored.fsm.restore(state);
  expect(rows(restored.store.tables)).toEqual(rows(store.tables));
  for (const table of ["kvs", "tombstones", "sessions"]) {
    expect(restored.store.maxIndex(table)).toBe(store.maxIndex(table));
  }
});

test("after an archive from a log further on, indexes go on from there", () => {
  const { store, fsm } = filled();
  fsm.apply(5000, kv("set", { Key: "late" }));
  const { fsm: young, store: itsStore } = machine();
  young.apply(3, kv("set", { Key: "gone" }));
  young.restore(Buffer.concat([...fsm.snapshot()]));
  young.apply(5, kv("set", { Key: "next" }));
  expect(store.maxIndex("kvs")).toBe(5000);
  expect(itsStore.maxIndex("kvs")).toBe(5001);
  young.apply(6000, kv("set", { Key: "caught up" }));
  expect(itsStore.maxIndex("kvs")).toBe(6000);
});

test("reaping forgets old tombstones only", () => {
  const { store, fsm } = filled();
  fsm.apply(30, kv("delete", { Key: "held" }));
  const body = TombstoneRequest.make({ Op: "reap", ReapIndex: 29 });
  fsm.apply(31, encodeCommand(commandType.tombstone, TombstoneRequest, body));
  expect([...store.tables.tombstones.entries()]).toEqual([["held", 30]]);
});

test("a stored value does not keep a large message alive", () => {
  const { store, fsm } = machine();
  const large = new Uint8Array(1 << 20);
  const body = KVSRequest.make({
    Op: "set",
    DirEnt: DirEntry.make({ Key: "k" as ByteString, Value: large.subarray(5, 8) }),
  });
  fsm.apply(1, encodeCommand(commandType.kvs, KVSRequest, body), body);
  expect(store.tables.kvs.get("k")?.Value?.buffer.byteLength).toBe(3);
});
