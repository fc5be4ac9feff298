/** The endpoints of keys and values. Source: the reference's kvs_endpoint.go. */
import type { ByteString } from "../lib/byte-string.ts";
import { millisecondNs } from "../lib/duration.ts";
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import { kvGet, kvList, kvMaxIndex } from "../state/kv.ts";
import type { WatchSet } from "../state/watch.ts";
import type { Refusal } from "../state/refusal.ts";
import { foreignServerOf, foreignServerText } from "../wire/gossip/agent-tags.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import { kvsApply, kvsGet, kvsList, kvsListKeys } from "../wire/rpc/methods.ts";
import {
  KVSRequest,
  type DirEntry,
  type IndexedDirEntries,
  type IndexedKeyList,
  type KeyListRequest,
  type KeyRequest,
} from "../wire/structs/kv.ts";
import { blockingRead, readNow, type ReadResult } from "./blocking.ts";
import { endpoint, type AnyEndpoint, type Caller, type ServerContext } from "./context.ts";
import { kvPreApply } from "./kv-pre-apply.ts";
import { proposeCommand } from "./propose.ts";
import { queryCacheOf } from "./query-cache.ts";
import { unlessRefused } from "./refused.ts";

/** Whether the operation took place: false for a lost check-and-set or a lock that is held or delayed. */
async function apply(server: ServerContext, request: KVSRequest, caller: Caller): Promise<boolean> {
  const startMs = server.clock.monotonicMs();
  if (!kvPreApply(server, caller, { verb: request.Op, entry: request.DirEnt })) return false;
  // The log outlives the request: it keeps no secrets.
  const expiring = request.TTL > 0 ? expiresLater(server, request) : neverExpires(request);
  const logged = expiring.Token === "" ? expiring : { ...expiring, Token: "" };
  const bytes = encodeCommand(commandType.kvs, KVSRequest, logged);
  const answer = (await proposeCommand(server, bytes, logged)) as boolean | Refusal;
  server.metrics.timer("kvs.apply", server.clock.monotonicMs() - startMs);
  return unlessRefused(answer);
}

/** The leader's calendar counts, whoever took the request. Throws `RpcError` where a server would not obey. */
function expiresLater({ clock, pool, settings }: ServerContext, request: KVSRequest): KVSRequest {
  const foreign = foreignServerOf(pool.members(), settings.datacenter);
  if (foreign !== undefined) throw new RpcError(foreignServerText(foreign));
  const ExpiresAt = clock.wallMs() + Math.round(request.TTL / millisecondNs);
  return { ...request, TTL: 0, DirEnt: { ...request.DirEnt, ExpiresAt } };
}

/** No caller names a time: it would be of another calendar. */
function neverExpires(request: KVSRequest): KVSRequest {
  const { DirEnt } = request;
  return DirEnt.ExpiresAt === 0 ? request : { ...request, DirEnt: { ...DirEnt, ExpiresAt: 0 } };
}

type EntriesRead = (watch: WatchSet) => ReadResult<readonly DirEntry[] | null>;

function keyRead(server: ServerContext, { Key }: KeyRequest, { authorizer }: Caller): EntriesRead {
  if (!authorizer.keyRead(Key)) throw new PermissionDeniedError();
  return (watch) => {
    const { index, entry } = kvGet(server.store, Key, watch);
    return { index, value: entry === undefined ? null : [entry] };
  };
}

function prefixRead(server: ServerContext, { Key }: KeyRequest, caller: Caller): EntriesRead {
  return (watch) => {
    const { index, entries } = listing(server, Key, watch);
    const allowed = readable(entries, caller);
    return { index, value: allowed.length === 0 ? null : allowed };
  };
}

/** An endpoint that answers entries, at once where it can. */
function entriesEndpoint(method: typeof kvsGet, readOf: typeof keyRead): AnyEndpoint {
  return endpoint<KeyRequest, IndexedDirEntries>({
    method,
    kind: "read",
    handle: async (server, request, caller) => {
      const read = readOf(server, request, caller);
      const { value, meta } = await blockingRead({ server, caller }, request, read);
      return { Entries: value, ...meta };
    },
    now: (server, request, caller) => {
      const found = readNow(request, readOf(server, request, caller));
      return found === undefined ? undefined : { Entries: found.value, ...found.meta };
    },
  });
}

/**
 * The entries below a prefix, from the cache of answers while nothing below it changes. An empty listing has
 * the index of the whole table, which moves without it, so only that is looked up afresh.
 */
function listing(
  server: ServerContext,
  prefix: ByteString,
  watch: WatchSet,
): { readonly index: number; readonly entries: readonly DirEntry[] } {
  const kept = queryCacheOf(server.store).read(`KVS.List\0${prefix}`, watch, (notes) =>
    kvList(server.store, prefix, notes),
  );
  if (kept.entries.length > 0 && prefix !== "") return kept;
  const hasOwnIndex =
    prefix !== "" && kept.index !== 0 && !isEmpty(server.store.tables.tombstones.withPrefix(prefix));
  return hasOwnIndex ? kept : { entries: kept.entries, index: kvMaxIndex(server.store) };
}

function isEmpty(items: Iterator<unknown>): boolean {
  return items.next().done === true;
}

async function listKeys(
  server: ServerContext,
  request: KeyListRequest,
  caller: Caller,
): Promise<IndexedKeyList> {
  const { value, meta } = await blockingRead({ server, caller }, request, (watch) => {
    const { index, entries } = kvList(server.store, request.Prefix, watch);
    return { index, value: keysOf(readable(entries, caller), request) };
  });
  return { Keys: value.length === 0 ? null : value, ...meta };
}

function readable(entries: readonly DirEntry[], { authorizer }: Caller): readonly DirEntry[] {
  // The list itself when nothing is hidden: doors render a list once for all who get the same.
  if (entries.every((entry) => authorizer.keyRead(entry.Key))) return entries;
  return entries.filter((entry) => authorizer.keyRead(entry.Key));
}

/** Keys are cut after the first separator behind the prefix; equal cuts are neighbours or not, but listed once. */
function keysOf(
  entries: readonly DirEntry[],
  { Prefix, Seperator }: Pick<KeyListRequest, "Prefix" | "Seperator">,
): readonly ByteString[] {
  if (Seperator === "") return entries.map((entry) => entry.Key);
  const keys: ByteString[] = [];
  const folders = new Set<string>();
  for (const { Key } of entries) {
    const at = Key.indexOf(Seperator, Prefix.length);
    if (at < 0) keys.push(Key);
    else {
      const folder = Key.slice(0, at + Seperator.length) as ByteString;
      if (!folders.has(folder)) keys.push(folder);
      folders.add(folder);
    }
  }
  return keys;
}

export const kvEndpoints: readonly AnyEndpoint[] = [
  endpoint({ method: kvsApply, kind: "write", handle: apply }),
  entriesEndpoint(kvsGet, keyRead),
  entriesEndpoint(kvsList, prefixRead),
  endpoint({ method: kvsListKeys, kind: "read", handle: listKeys }),
];
