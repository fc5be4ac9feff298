/**
 * Keys and values: reads with exact watches, and the changes that log commands make.
 *
 * A change that leaves an entry as it was moves no index and wakes nobody. A deletion leaves a
 * tombstone, so that the index of a listing never slides back. Source: the reference's state/kvs.go.
 */
import type { ByteString } from "../lib/byte-string.ts";
import { quoteGo } from "../lib/go-quote.ts";
import type { DirEntry } from "../wire/structs/kv.ts";
import { Refusal } from "./refusal.ts";
import { keySeparator, type StateStore } from "./store.ts";
import { uuidProblem } from "./uuid-index.ts";
import type { WatchSet } from "./watch.ts";

/** Changes whenever an entry gets or loses a time to live. */
export const kvExpiriesTopic = "kv-expiries";

/** Values up to this are always copied. */
const copiedBytesMax = 1_000;
/** Memory that a larger value may keep alive beyond its own bytes. */
const valueSlackBytes = 1024;

/** A read of entries with the index to answer with. */
export interface KvListing {
  readonly index: number;
  readonly entries: readonly DirEntry[];
}

/** One key. The index is the entry's, or the tables' where the key is missing. */
export function kvGet(
  store: StateStore,
  key: ByteString,
  watch?: WatchSet,
): { readonly index: number; readonly entry: DirEntry | undefined } {
  watch?.topic(`kv:${key}`);
  const entry = store.tables.kvs.get(key);
  return { index: entry === undefined ? kvMaxIndex(store) : entry.ModifyIndex, entry };
}

/** Every key under a prefix, in byte order. The index is the highest under the prefix, deletions included. */
export function kvList(store: StateStore, prefix: ByteString, watch?: WatchSet): KvListing {
  watch?.kvPrefix(prefix);
  const entries: DirEntry[] = [];
  let index = 0;
  for (const [, entry] of store.tables.kvs.withPrefix(prefix)) {
    entries.push(entry);
    if (entry.ModifyIndex > index) index = entry.ModifyIndex;
  }
  if (prefix === "") return { index: kvMaxIndex(store), entries };
  for (const [, deletedAt] of store.tables.tombstones.withPrefix(prefix)) index = Math.max(index, deletedAt);
  return { index: index === 0 ? kvMaxIndex(store) : index, entries };
}

/** The last index at which any key changed. */
export function kvMaxIndex(store: StateStore): number {
  return store.maxIndex("kvs", "tombstones");
}

/** Sets an entry, keeping the lock's holder. Answers the entry as it is stored. */
export function kvSet(store: StateStore, index: number, given: DirEntry): DirEntry {
  const existing = store.tables.kvs.get(given.Key);
  return write(store, index, {
    given,
    existing,
    session: existing?.Session ?? "",
    lockIndex: given.LockIndex,
  });
}

/** Sets an entry if its ModifyIndex is the given one; 0 means that it must not exist. */
export function kvSetCas(store: StateStore, index: number, given: DirEntry): DirEntry | undefined {
  const existing = store.tables.kvs.get(given.Key);
  if ((existing?.ModifyIndex ?? 0) !== given.ModifyIndex) return undefined;
  return write(store, index, {
    given,
    existing,
    session: existing?.Session ?? "",
    lockIndex: given.LockIndex,
  });
}

/** Sets an entry if its session can hold the lock; `undefined` if another session does. */
export function kvLock(store: StateStore, index: number, given: DirEntry): DirEntry | Refusal | undefined {
  const session = given.Session;
  if (session === "") return new Refusal("missing session");
  const problem = uuidProblem(session);
  if (problem !== undefined) return new Refusal(`failed session lookup: ${problem}`);
  if (!store.tables.sessions.has(session.toLowerCase()))
    return new Refusal(`invalid session ${quoteGo(session)}`);
  const existing = store.tables.kvs.get(given.Key);
  const holder = existing?.Session ?? "";
  if (holder !== "" && holder !== session) return undefined;
  const lockIndex = (existing?.LockIndex ?? 0) + (holder === session ? 0 : 1);
  return write(store, index, { given, existing, session, lockIndex });
}

/** Sets an entry and frees its lock if the given session holds it; `undefined` if it does not. */
export function kvUnlock(store: StateStore, index: number, given: DirEntry): DirEntry | Refusal | undefined {
  if (given.Session === "") return new Refusal("missing session");
  const existing = store.tables.kvs.get(given.Key);
  if (existing === undefined || existing.Session !== given.Session) return undefined;
  return write(store, index, { given, existing, session: "", lockIndex: existing.LockIndex });
}

/** Frees the lock of an entry whose session ended. */
export function kvRelease(store: StateStore, index: number, key: string): void {
  const existing = store.tables.kvs.get(key);
  if (existing !== undefined) {
    write(store, index, { given: existing, existing, session: "", lockIndex: existing.LockIndex });
  }
}

/** Deletes a key; nothing happens if it is missing. */
export function kvDelete(store: StateStore, index: number, key: string): void {
  const existing = store.tables.kvs.get(key);
  if (existing === undefined) return;
  bury(store, index, key);
  remove(store, existing);
  store.setIndex("kvs", index);
}

/** Deletes a key if its ModifyIndex is the given one. Whether it is gone: a missing key is. */
export function kvDeleteCas(
  store: StateStore,
  index: number,
  given: Pick<DirEntry, "Key" | "ModifyIndex">,
): boolean {
  const existing = store.tables.kvs.get(given.Key);
  if (existing === undefined) return true;
  if (existing.ModifyIndex !== given.ModifyIndex) return false;
  kvDelete(store, index, given.Key);
  return true;
}

/** Deletes every key under a prefix; one tombstone stands for all, and none where everything goes. */
export function kvDeleteTree(store: StateStore, index: number, prefix: string): void {
  const doomed = [...store.tables.kvs.withPrefix(prefix)];
  if (doomed.length === 0) return;
  if (prefix !== "") bury(store, index, prefix);
  for (const [, entry] of doomed) remove(store, entry);
  store.setIndex("kvs", index);
}

/** Forgets the tombstones up to and including `reapIndex`. */
export function kvReap(store: StateStore, reapIndex: number): void {
  const { tombstones } = store.tables;
  const due: string[] = [];
  for (const [key, deletedAt] of tombstones.entries()) if (deletedAt <= reapIndex) due.push(key);
  for (const key of due) tombstones.delete(key);
}

/** Puts an entry back from a snapshot. */
export function kvRestore(store: StateStore, entry: DirEntry): void {
  store.tables.kvs.set(entry.Key, { ...entry, Value: owned(entry.Value) });
  if (entry.ExpiresAt !== 0) moveExpiry(store, undefined, entry);
  if (entry.Session !== "") store.tables.sessionKeys.set(heldKey(entry.Session, entry.Key), true);
  store.setIndex("kvs", Math.max(entry.ModifyIndex, store.maxIndex("kvs")));
}

/** Puts a tombstone back from a snapshot. */
export function tombstoneRestore(store: StateStore, key: string, deletedAt: number): void {
  store.tables.tombstones.set(key, deletedAt);
  store.setIndex("tombstones", Math.max(deletedAt, store.maxIndex("tombstones")));
}

interface Write {
  readonly given: DirEntry;
  readonly existing: DirEntry | undefined;
  readonly session: string;
  readonly lockIndex: number;
}

function write(store: StateStore, index: number, { given, existing, session, lockIndex }: Write): DirEntry {
  const unchanged =
    existing !== undefined &&
    existing.LockIndex === lockIndex &&
    existing.Session === session &&
    existing.Flags === given.Flags &&
    existing.ExpiresAt === given.ExpiresAt &&
    sameBytes(existing.Value, given.Value);
  if (unchanged) return existing;
  const entry: DirEntry = {
    LockIndex: lockIndex,
    Key: given.Key,
    Flags: given.Flags,
    Value: owned(given.Value),
    Session: session,
    CreateIndex: existing?.CreateIndex ?? index,
    ModifyIndex: index,
    ExpiresAt: given.ExpiresAt,
  };
  store.tables.kvs.set(entry.Key, entry);
  if (entry.ExpiresAt !== (existing?.ExpiresAt ?? 0)) moveExpiry(store, existing, entry);
  const holder = existing?.Session ?? "";
  if (holder !== session) {
    if (holder !== "") store.tables.sessionKeys.delete(heldKey(holder, entry.Key));
    if (session !== "") store.tables.sessionKeys.set(heldKey(session, entry.Key), true);
  }
  store.setIndex("kvs", index);
  store.changedKey(entry.Key, entry);
  return entry;
}

function remove(store: StateStore, entry: DirEntry): void {
  store.tables.kvs.delete(entry.Key);
  if (entry.ExpiresAt !== 0) moveExpiry(store, entry, undefined);
  if (entry.Session !== "") store.tables.sessionKeys.delete(heldKey(entry.Session, entry.Key));
  store.changedKey(entry.Key, undefined);
}

function bury(store: StateStore, index: number, key: string): void {
  store.tables.tombstones.set(key, index);
  store.setIndex("tombstones", index);
}

/** The entries that expire by `nowMs`, the earliest first, and no more than `countMax`. */
export function kvExpired(store: StateStore, nowMs: number, countMax: number): readonly DirEntry[] {
  const found: DirEntry[] = [];
  for (const [place] of store.tables.kvExpiries.entries()) {
    if (found.length >= countMax || expiryOf(place) > nowMs) break;
    const entry = store.tables.kvs.get(place.slice(expiryDigits + 1));
    if (entry !== undefined) found.push(entry);
  }
  return found;
}

/** When the next entry expires, in calendar milliseconds; `undefined` if none does. */
export function kvNextExpiryMs(store: StateStore): number | undefined {
  for (const [place] of store.tables.kvExpiries.entries()) return expiryOf(place);
  return undefined;
}

/** Digits enough for every safe integer, so that the order of texts is that of times. */
const expiryDigits = 16;

function expiryKey({ ExpiresAt, Key }: DirEntry): string {
  return String(ExpiresAt).padStart(expiryDigits, "0") + keySeparator + Key;
}

function expiryOf(place: string): number {
  return Number(place.slice(0, expiryDigits));
}

function moveExpiry(store: StateStore, before: DirEntry | undefined, after: DirEntry | undefined): void {
  const { kvExpiries } = store.tables;
  if (before !== undefined && before.ExpiresAt !== 0) kvExpiries.delete(expiryKey(before));
  if (after !== undefined && after.ExpiresAt !== 0) kvExpiries.set(expiryKey(after), true);
  store.changedTopic(kvExpiriesTopic);
}

function heldKey(session: string, key: string): string {
  return session.toLowerCase() + keySeparator + key;
}

/** As Go compares: nil equals empty. */
function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  const length = a?.length ?? 0;
  if (length !== (b?.length ?? 0)) return false;
  if (a === null || b === null || a === b) return true;
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Decoded values alias the message they came in; a copy keeps a small value from holding a large one. And a small
 * array that is no view needs no buffer object beside it, which is larger than most values.
 */
function owned(value: Uint8Array | null): Uint8Array | null {
  if (value === null) return null;
  const isLarge = value.length > copiedBytesMax;
  if (isLarge && value.buffer.byteLength <= 2 * value.length + valueSlackBytes) return value;
  return new Uint8Array(value);
}
