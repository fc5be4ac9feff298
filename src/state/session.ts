/**
 * Sessions: who may hold locks, and what happens to the locks when a session ends.
 *
 * A session ends when it is destroyed, its node goes, or a check it depends on goes or turns critical.
 * Keys it holds are then released or deleted, and may not be locked again for its lock delay.
 * Source: the reference's state/session.go.
 */
import type { Session } from "../wire/structs/session.ts";
import { kvDelete, kvRelease } from "./kv.ts";
import { deleteSessionQueries } from "./prepared-queries.ts";
import { Refusal } from "./refusal.ts";
import { keySeparator, type StateStore } from "./store.ts";
import { uuidProblem } from "./uuid-index.ts";
import type { WatchSet } from "./watch.ts";

/** Lock delays above this are cut to it. */
const lockDelayNsMax = 60e9;
const table = "sessions";

/** Sessions with the index to answer with, which is always the table's. */
export interface SessionListing {
  readonly index: number;
  readonly sessions: readonly Session[];
}

/** The last index at which any session changed. */
export function sessionMaxIndex(store: StateStore): number {
  return store.maxIndex(table);
}

/** One session, or a refusal if `id` is no UUID. */
export function sessionGet(store: StateStore, id: string, watch?: WatchSet): Session | Refusal | undefined {
  const problem = uuidProblem(id);
  if (problem !== undefined) return new Refusal(`failed session lookup: ${problem}`);
  watch?.topic(`session:${id.toLowerCase()}`);
  return store.tables.sessions.get(id.toLowerCase());
}

/** All sessions, by id. */
export function sessionList(store: StateStore, watch?: WatchSet): SessionListing {
  watch?.topic(table);
  return { index: sessionMaxIndex(store), sessions: [...store.tables.sessions.values()] };
}

/** The sessions of a node, by id; letter case of the name does not matter. */
export function nodeSessions(store: StateStore, node: string, watch?: WatchSet): SessionListing {
  watch?.topic(`sessions:node:${node.toLowerCase()}`);
  const sessions: Session[] = [];
  for (const id of sessionIdsOfNode(store, node)) {
    const session = store.tables.sessions.get(id);
    if (session !== undefined) sessions.push(session);
  }
  return { index: sessionMaxIndex(store), sessions };
}

/** The ids of the sessions that end when this check fails. */
export function sessionsOfCheck(store: StateStore, node: string, checkId: string): readonly string[] {
  return suffixes(
    store.tables.sessionChecks.withPrefix(checkPrefix(node, checkId)),
    checkPrefix(node, checkId),
  );
}

/** Makes a session. Its node and checks must exist, and no check be critical. */
export function sessionCreate(store: StateStore, index: number, given: Session): Session | Refusal {
  if (given.ID === "") return new Refusal("Missing session ID");
  const behavior = given.Behavior === "" ? "release" : given.Behavior;
  if (behavior !== "release" && behavior !== "delete") {
    return new Refusal(`Invalid session behavior: ${behavior}`);
  }
  const node = given.Node.toLowerCase();
  if (!store.tables.nodes.has(node)) return new Refusal("Missing node registration");
  for (const checkId of checkIds(given)) {
    const check = store.tables.checks.get(node + keySeparator + checkId);
    if (check === undefined) return new Refusal(`Missing check '${checkId}' registration`);
    if (check.Status === "critical") return new Refusal(`Check '${checkId}' is in critical state`);
  }
  const session: Session = { ...given, Behavior: behavior, CreateIndex: index, ModifyIndex: index };
  const id = session.ID.toLowerCase();
  const before = store.tables.sessions.get(id);
  store.changesRow("sessions", id, before);
  if (before !== undefined) {
    // No leader gives an id twice; but what the old one hung on must not end the new one, as after a restore.
    remove(store, before);
    changed(store, before);
  }
  insert(store, session);
  store.setIndex(table, index);
  changed(store, session);
  return session;
}

/** Ends a session; nothing happens if it is missing. Refuses an id that is no UUID. */
export function sessionDestroy(store: StateStore, index: number, id: string): Refusal | undefined {
  const session = sessionGet(store, id);
  if (session instanceof Refusal) return session;
  if (session !== undefined) end(store, index, session);
  return undefined;
}

/** Ends every session of a node that is removed. */
export function invalidateNodeSessions(store: StateStore, index: number, node: string): void {
  endAll(store, index, sessionIdsOfNode(store, node));
}

/** Ends every session that depends on a check which turned critical or is removed. */
// oxlint-disable-next-line max-params -- a row of the catalog is named by node and id, as in catalog.ts
export function invalidateCheckSessions(
  store: StateStore,
  index: number,
  node: string,
  checkId: string,
): void {
  endAll(store, index, sessionsOfCheck(store, node, checkId));
}

/** Puts a session back from a snapshot. */
export function sessionRestore(store: StateStore, session: Session): void {
  insert(store, session);
  store.setIndex(table, Math.max(session.ModifyIndex, store.maxIndex(table)));
}

function insert(store: StateStore, session: Session): void {
  const id = session.ID.toLowerCase();
  store.tables.sessions.set(id, session);
  store.tables.sessionsByNode.set(nodePrefix(session.Node) + id, true);
  for (const checkId of checkIds(session)) {
    store.tables.sessionChecks.set(checkPrefix(session.Node, checkId) + id, true);
  }
}

function remove(store: StateStore, session: Session): void {
  const id = session.ID.toLowerCase();
  const { tables } = store;
  tables.sessions.delete(id);
  tables.sessionsByNode.delete(nodePrefix(session.Node) + id);
  for (const checkId of checkIds(session))
    tables.sessionChecks.delete(checkPrefix(session.Node, checkId) + id);
}

function endAll(store: StateStore, index: number, ids: readonly string[]): void {
  for (const id of ids) {
    const session = store.tables.sessions.get(id);
    if (session !== undefined) end(store, index, session);
  }
}

function end(store: StateStore, index: number, session: Session): void {
  const id = session.ID.toLowerCase();
  store.changesRow("sessions", id, session);
  remove(store, session);
  store.setIndex(table, index);
  changed(store, session);

  const delayNs = Math.min(session.LockDelay, lockDelayNsMax);
  const held = id + keySeparator;
  for (const key of suffixes(store.tables.sessionKeys.withPrefix(held), held)) {
    if (session.Behavior === "delete") kvDelete(store, index, key);
    else kvRelease(store, index, key);
    if (delayNs > 0) store.lockDelays.start(key, delayNs);
  }
  deleteSessionQueries(store, index, id);
}

function changed(store: StateStore, session: Session): void {
  store.changedTopic(table);
  store.changedTopic(`session:${session.ID.toLowerCase()}`);
  store.changedTopic(`sessions:node:${session.Node.toLowerCase()}`);
}

/** Every check that keeps the session alive: three lists, for old and new clients. */
function checkIds(session: Session): readonly string[] {
  const services = (session.ServiceChecks ?? []).map((check) => check.ID);
  return [...(session.Checks ?? []), ...(session.NodeChecks ?? []), ...services];
}

function sessionIdsOfNode(store: StateStore, node: string): readonly string[] {
  return suffixes(store.tables.sessionsByNode.withPrefix(nodePrefix(node)), nodePrefix(node));
}

function nodePrefix(node: string): string {
  return node.toLowerCase() + keySeparator;
}

function checkPrefix(node: string, checkId: string): string {
  return nodePrefix(node) + checkId.toLowerCase() + keySeparator;
}

/** What follows the prefix in each key, collected before anything changes. */
function suffixes(rows: Iterable<readonly [string, true]>, prefix: string): readonly string[] {
  const found: string[] = [];
  for (const [key] of rows) found.push(key.slice(prefix.length));
  return found;
}
