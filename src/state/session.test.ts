import { describe, expect, test } from "bun:test";
import type { ByteString } from "../lib/byte-string.ts";
import { HealthCheck, Node } from "../wire/structs/catalog.ts";
import { DirEntry } from "../wire/structs/kv.ts";
import { Session } from "../wire/structs/session.ts";
import { deleteCheck, deleteNode, ensureCheck, ensureNode } from "./catalog.ts";
import { kvGet, kvLock, kvSet } from "./kv.ts";
import { Refusal } from "./refusal.ts";
import {
  nodeSessions,
  sessionCreate,
  sessionDestroy,
  sessionGet,
  sessionList,
  sessionMaxIndex,
  sessionsOfCheck,
} from "./session.ts";
import { StateStore } from "./store.ts";
import { WatchSet } from "./watch.ts";

const s1 = "AAAAAAAA-1111-4111-8111-111111111111";
const s2 = "22222222-2222-4222-8222-222222222222";
const held = "k" as ByteString;

interface Setup {
  readonly store: StateStore;
  readonly delays: [string, number][];
}

function setup(): Setup {
  const delays: [string, number][] = [];
  const store = new StateStore({ start: (key, delayNs) => delays.push([key, delayNs]) });
  ensureNode(store, 1, Node.make({ Node: "N1", Address: "127.0.0.1" }));
  ensureCheck(store, 2, check("ok", "passing"));
  ensureCheck(store, 3, check("bad", "critical"));
  store.commit();
  return { store, delays };
}

function check(CheckID: string, Status: string): HealthCheck {
  return HealthCheck.make({ Node: "N1", CheckID, Name: CheckID, Status });
}

function withLock(given: Partial<Session>): Setup {
  const made = setup();
  sessionCreate(made.store, 10, Session.make({ ID: s1, Node: "n1", NodeChecks: ["ok"], ...given }));
  kvLock(made.store, 11, DirEntry.make({ Key: held, Session: s1 }));
  kvSet(made.store, 12, DirEntry.make({ Key: "free" as ByteString }));
  made.store.commit();
  return made;
}

describe("creation", () => {
  test.each<[Partial<Session>, string]>([
    [{ ID: "" }, "Missing session ID"],
    [{ Behavior: "explode" }, "Invalid session behavior: explode"],
    [{ Node: "no" }, "Missing node registration"],
    [{ NodeChecks: ["no"] }, "Missing check 'no' registration"],
    [{ Checks: ["bad"] }, "Check 'bad' is in critical state"],
    [{ ServiceChecks: [{ ID: "bad", Namespace: "" }] }, "Check 'bad' is in critical state"],
  ])("refuses %j", (given, text) => {
    const { store } = setup();
    const answer = sessionCreate(store, 10, Session.make({ ID: s1, Node: "n1", ...given }));
    expect(answer).toEqual(new Refusal(text));
    expect(sessionMaxIndex(store)).toBe(0);
  });

  test("finds a session by id and by node, in any letter case", () => {
    const { store } = withLock({});
    const expected = { ID: s1, Behavior: "release", CreateIndex: 10, ModifyIndex: 10 };
    expect(sessionGet(store, s1.toLowerCase())).toMatchObject(expected);
    expect(nodeSessions(store, "n1").sessions).toMatchObject([expected]);
    expect(nodeSessions(store, "n").sessions).toEqual([]);
    expect(sessionsOfCheck(store, "N1", "OK")).toEqual([s1.toLowerCase()]);
    expect(sessionGet(store, "xyz")).toEqual(
      new Refusal("failed session lookup: index error: UUID must be 36 characters"),
    );
  });
});

test("a session whose id is given again hangs on what the new one names, and on nothing else", () => {
  const { store } = setup();
  ensureNode(store, 4, Node.make({ Node: "N2", Address: "127.0.0.1" }));
  sessionCreate(store, 5, Session.make({ ID: s2, Node: "N1", NodeChecks: ["ok"] }));
  sessionCreate(store, 6, Session.make({ ID: s2, Node: "N2" }));
  deleteCheck(store, 7, "N1", "ok");
  deleteNode(store, 8, "N1");
  expect(sessionGet(store, s2)).toMatchObject({ Node: "N2", CreateIndex: 6 });
});

describe("the end of a session", () => {
  const ends: [string, (store: StateStore) => void][] = [
    ["destroyed", (store) => sessionDestroy(store, 20, s1)],
    ["check turns critical", (store) => ensureCheck(store, 20, check("ok", "critical"))],
    ["check is removed", (store) => deleteCheck(store, 20, "n1", "ok")],
    ["node is removed", (store) => deleteNode(store, 20, "n1")],
  ];

  test.each(ends)("%s: releases what it holds", (_name, end) => {
    const { store, delays } = withLock({ LockDelay: 15e9 });
    end(store);
    expect(sessionList(store)).toEqual({ index: 20, sessions: [] });
    expect(kvGet(store, held).entry).toMatchObject({ Session: "", LockIndex: 1, ModifyIndex: 20 });
    expect(delays).toEqual([["k", 15e9]]);
    for (const table of ["sessionsByNode", "sessionChecks", "sessionKeys"] as const) {
      expect(store.tables[table].size).toBe(0);
    }
  });

  test("deletes what it holds, and nothing else, where it says so", () => {
    const { store, delays } = withLock({ Behavior: "delete", LockDelay: 90e9 });
    sessionDestroy(store, 20, s1);
    expect(kvGet(store, held)).toEqual({ index: 20, entry: undefined });
    expect(kvGet(store, "free" as ByteString).entry).toBeDefined();
    expect(delays).toEqual([["k", 60e9]]);
  });

  test("starts no delay without one, and nothing when it is gone", () => {
    const { store, delays } = withLock({});
    expect(sessionDestroy(store, 20, s2)).toBeUndefined();
    expect(sessionMaxIndex(store)).toBe(10);
    sessionDestroy(store, 21, s1);
    expect(delays).toEqual([]);
  });
});

test("only readers of a session, its node or the list wake", () => {
  const { store } = withLock({});
  const woken: string[] = [];
  const watch = (name: string, read: (set: WatchSet) => void): void => {
    const set = new WatchSet();
    read(set);
    store.watches.watch(set, () => woken.push(name));
  };
  watch("one", (set) => sessionGet(store, s1, set));
  watch("other", (set) => sessionGet(store, s2, set));
  watch("list", (set) => sessionList(store, set));
  watch("node", (set) => nodeSessions(store, "n1", set));
  watch("other node", (set) => nodeSessions(store, "n2", set));
  watch("held", (set) => kvGet(store, held, set));
  watch("free", (set) => kvGet(store, "free" as ByteString, set));
  sessionDestroy(store, 20, s1);
  store.commit();
  expect(woken.sort()).toEqual(["held", "list", "node", "one"]);
});
