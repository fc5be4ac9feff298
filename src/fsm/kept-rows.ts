/**
 * Rows of areas that this version does not serve yet (ACLs, mesh): kept as MessagePack, found by key.
 *
 * The key of a row is what makes it unique in the reference's table, so that a later command replaces or
 * removes it. Records whose key is not known keep the order in which they came.
 */
import { DecodeError } from "../lib/errors.ts";
import type { StateStore } from "../state/store.ts";
import { MsgpackReader } from "../wire/msgpack/reader.ts";
import { contentOf, RawFields, rawBytes, rawUint } from "./raw-fields.ts";

/** A kind of row: its number in snapshots, its table, and how a record tells its key. */
export interface KeptTable {
  readonly record: number;
  /** Name in the index table. */
  readonly index: string;
  /** Throws `DecodeError`. */
  keyOf(record: Uint8Array): string;
}

function byField(record: number, index: string, field: string): KeptTable {
  return { record, index, keyOf: (bytes) => RawFields.decode(bytes).text(field) };
}

/** Config entries stand inside a byte value: their kind, then a request that holds the entry. */
export function configEntryOf(record: Uint8Array): { readonly kind: string; readonly request: RawFields } {
  const reader = new MsgpackReader(contentOf(record));
  const kind = reader.text();
  return { kind, request: RawFields.decode(reader.unread()) };
}

const proxyDefaults = "proxy-defaults";

/** The entry's own fields; `proxy-defaults` wraps them once more. */
export function entryFieldsOf({ kind, request }: ReturnType<typeof configEntryOf>): RawFields {
  const entry = request.bytes("Entry");
  return RawFields.decode(kind === proxyDefaults ? contentOf(entry) : entry);
}

/** The inverse of `entryFieldsOf`, as the request's field. */
export function wrapEntry(kind: string, fields: RawFields): Uint8Array {
  return kind === proxyDefaults ? rawBytes(fields.encode()) : fields.encode();
}

/** Every kind whose commands are understood. Source: protocol reference, FSM section 1. */
export const keptTables = {
  legacyIntentions: byField(12, "connect-intentions", "ID"),
  caRoots: byField(13, "connect-ca-roots", "ID"),
  caProviderState: byField(14, "connect-ca-builtin", "ID"),
  caConfig: { record: 15, index: "connect-ca-config", keyOf: () => "" },
  tokens: byField(17, "acl-tokens", "AccessorID"),
  policies: byField(19, "acl-policies", "ID"),
  configEntries: {
    record: 22,
    index: "config-entries",
    keyOf: (record) => {
      const found = configEntryOf(record);
      return `${found.kind}/${entryFieldsOf(found).text("Name")}`;
    },
  },
  roles: byField(23, "acl-roles", "ID"),
  bindingRules: byField(25, "acl-binding-rules", "ID"),
  authMethods: byField(27, "acl-auth-methods", "Name"),
  federationStates: {
    record: 30,
    index: "federation-states",
    keyOf: (record) => RawFields.decode(record).fields("State").text("Datacenter"),
  },
} as const satisfies Record<string, KeptTable>;

const tableOfRecord: ReadonlyMap<number, KeptTable> = new Map(
  Object.values(keptTables).map((table: KeptTable) => [table.record, table]),
);

function prefixOf(record: number): string {
  return `${String(record).padStart(3, "0")}.`;
}

/** The record number of a key in the `kept` table. */
export function recordOfKey(key: string): number {
  return Number(key.slice(0, 3));
}

/** Puts a record of a snapshot back. It is copied: the snapshot's buffer goes. */
export function keepRecord(store: StateStore, record: number, body: Uint8Array): void {
  const { kept } = store.tables;
  const table = tableOfRecord.get(record);
  const place = String(kept.size).padStart(10, "0");
  kept.set(prefixOf(record) + (table === undefined ? place : (knownKey(table, body) ?? place)), body.slice());
}

/** Undefined for a record that is whole but odd: it is handed on as it came. */
function knownKey(table: KeptTable, body: Uint8Array): string | undefined {
  try {
    const key = table.keyOf(body);
    return isKey(table, key) ? key : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** The row with this key; undefined if there is none. */
export function keptRow(store: StateStore, table: KeptTable, key: string): Uint8Array | undefined {
  return store.tables.kept.get(prefixOf(table.record) + key);
}

/** All rows of a kind. */
export function keptRows(store: StateStore, table: Pick<KeptTable, "record">): readonly Uint8Array[] {
  return [...store.tables.kept.withPrefix(prefixOf(table.record))].map(([, body]) => body);
}

/** False, and nothing is kept, for a row without a key: the reference's tables take none, and no leader sends one. */
export function putRow(store: StateStore, table: KeptTable, body: Uint8Array): boolean {
  const key = table.keyOf(body);
  if (!isKey(table, key)) return false;
  store.tables.kept.set(prefixOf(table.record) + key, body);
  return true;
}

/** A row that is the only one of its table needs no key. */
function isKey(table: KeptTable, key: string): boolean {
  return key !== "" || table === keptTables.caConfig;
}

/** Removes a row and marks its table as changed, if it was there. */
export function removeRow(
  store: StateStore,
  table: KeptTable,
  at: { readonly key: string; readonly index: number },
): boolean {
  const was = store.tables.kept.delete(prefixOf(table.record) + at.key);
  if (was) touch(store, table, at.index);
  return was;
}

/** Puts a row with its indexes as the state store of a server would, and marks its table as changed. */
export function upsertRow(
  store: StateStore,
  table: KeptTable,
  { row, index }: { readonly row: RawFields; readonly index: number },
): void {
  const before = keptRow(store, table, table.keyOf(row.encode()));
  const created = before === undefined ? index : RawFields.decode(before).uint("CreateIndex");
  if (putRow(store, table, row.with(raftIndex(created, index)).encode())) touch(store, table, index);
}

export function raftIndex(created: number, modified: number): Readonly<Record<string, Uint8Array>> {
  return { CreateIndex: rawUint(created), ModifyIndex: rawUint(modified) };
}

export function touch(store: StateStore, table: KeptTable, index: number): void {
  store.setIndex(table.index, index);
  store.changedTopic(table.index);
}
