/**
 * Commands of areas that this version does not serve yet, which a leader of the reference writes all the same.
 *
 * They are carried out on rows that stay MessagePack, so that a server of ours can follow in a mixed cluster
 * and hand on what it was given. What a command asks beyond its rows (whether a token's policies exist,
 * say) the leader has checked before it wrote the entry. Source: protocol reference, FSM sections 1 and 2.
 */
import { DecodeError } from "../lib/errors.ts";
import type { StateStore } from "../state/store.ts";
import type { Codec } from "../wire/schema/codec.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { bytes } from "../wire/schema/scalars.ts";
import { command, notUnderstood, type AnyCommand } from "./command.ts";
import {
  configEntryOf,
  entryFieldsOf,
  keptRow,
  keptRows,
  keptTables,
  putRow,
  raftIndex,
  removeRow,
  touch,
  upsertRow,
  wrapEntry,
  type KeptTable,
} from "./kept-rows.ts";
import { caCommand, caLeafCommand } from "./kept-ca.ts";
import { setSystemMetadata } from "./system-commands.ts";
import { RawFields, rawBytes, rawText, rawUint } from "./raw-fields.ts";

type Apply = (store: StateStore, index: number, request: RawFields) => unknown;

/** One MessagePack value, unread. */
export const unread: Codec<Uint8Array> = {
  ...(bytes as Codec<Uint8Array>),
  encode: (writer, value) => writer.raw(value),
  decode: (reader) => reader.unread(),
};

/** A command that cannot be read has no effect. */
function keptCommand(
  type: number,
  apply: (store: StateStore, index: number, body: Uint8Array) => unknown,
): AnyCommand {
  return command({
    type,
    codec: unread,
    apply: (store, index, body) => {
      const before = store.fork();
      try {
        return apply(store, index, body);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        store.rollback(before);
        return notUnderstood;
      }
    },
  });
}

const onFields = (type: number, apply: Apply): AnyCommand =>
  keptCommand(type, (store, index, body) => apply(store, index, RawFields.decode(body)));

/** A batch of rows to put. */
const setAll = (type: number, table: KeptTable, field: string): AnyCommand =>
  onFields(type, (store, index, request) => {
    const isCas = request.bool("CAS");
    for (const bytesOfRow of request.list(field)) {
      const row = RawFields.decode(bytesOfRow);
      if (!isCas || isUnchanged(store, table, row)) upsertRow(store, table, { row, index });
    }
    return undefined;
  });

/** A batch of keys to remove. */
const deleteAll = (type: number, table: KeptTable, field: string): AnyCommand =>
  onFields(type, (store, index, request) => {
    for (const key of request.texts(field)) removeRow(store, table, { key, index });
    return undefined;
  });

/** Whether the row stands as its writer saw it; index 0: not at all. */
function isUnchanged(store: StateStore, table: KeptTable, row: RawFields): boolean {
  const present = keptRow(store, table, table.keyOf(row.encode()));
  const seen = row.uint("ModifyIndex");
  if (present === undefined) return seen === 0;
  return seen !== 0 && RawFields.decode(present).uint("ModifyIndex") === seen;
}

const bootstrapIndex = "acl-token-bootstrap";

const bootstrapToken: Apply = (store, index, request) => {
  const done = store.maxIndex(bootstrapIndex);
  if (done !== 0 && request.uint("ResetIndex") !== done) return "ACL bootstrap already done";
  upsertRow(store, keptTables.tokens, { row: request.fields("Token"), index });
  store.setIndex(bootstrapIndex, index);
  return undefined;
};

/** With a method go the rules and tokens that it made. */
const deleteAuthMethods: Apply = (store, index, request) => {
  for (const key of request.texts("AuthMethodNames")) {
    if (!removeRow(store, keptTables.authMethods, { key, index })) continue;
    for (const table of [keptTables.bindingRules, keptTables.tokens]) {
      for (const row of keptRows(store, table)) {
        if (RawFields.decode(row).text("AuthMethod") === key)
          removeRow(store, table, { key: table.keyOf(row), index });
      }
    }
  }
  return undefined;
};

/**
 * Intentions outside of config entries, which Consul before 1.9 wrote. A leader ends them with `delete-all` when it
 * first leads; a `Mutation` of the entries that took their place is not looked into.
 */
const applyIntention: Apply = (store, index, request) => {
  const table = keptTables.legacyIntentions;
  const op = request.text("Op");
  if (!request.isNil("Mutation")) return notUnderstood;
  switch (op) {
    case "create":
    case "update":
      return upsertRow(store, table, { row: request.fields("Intention"), index });
    case "delete":
      return void removeRow(store, table, { key: request.fields("Intention").text("ID"), index });
    case "delete-all":
      for (const row of keptRows(store, table)) removeRow(store, table, { key: table.keyOf(row), index });
      touch(store, table, index);
      touch(store, keptTables.configEntries, index);
      return setSystemMetadata(store, index, { Key: "intention-format", Value: "config-entry" });
    default:
      return `Invalid Intention operation '${op}'`;
  }
};

const applyFederationState: Apply = (store, index, request) => {
  const table = keptTables.federationStates;
  const state = request.fields("State");
  const key = state.text("Datacenter");
  const op = request.text("Op");
  if (op === "delete") return void removeRow(store, table, { key, index });
  if (op !== "upsert") return `invalid federation state operation type: ${op}`;
  const before = keptRow(store, table, key);
  const created = before === undefined ? index : RawFields.decode(before).fields("State").uint("CreateIndex");
  // Only the primary datacenter leaves it open: the index there is this one.
  const isOwn = state.uint("PrimaryModifyIndex") === 0;
  const placed = state.with({
    ...raftIndex(created, index),
    ...(isOwn ? { PrimaryModifyIndex: rawUint(index) } : {}),
  });
  const row = new RawFields([
    ["Datacenter", rawText("")],
    ["Op", rawText("upsert")],
    ["State", placed.encode()],
    ["Token", rawText("")],
  ]);
  putRow(store, table, row.encode());
  touch(store, table, index);
  return true;
};

function applyConfigEntry(store: StateStore, index: number, body: Uint8Array): unknown {
  const table = keptTables.configEntries;
  const found = configEntryOf(body);
  const entry = entryFieldsOf(found);
  const key = `${found.kind}/${entry.text("Name")}`;
  const present = keptRow(store, table, key);
  const before = present === undefined ? undefined : entryFieldsOf(configEntryOf(present));
  const op = found.request.text("Op");
  const isSeen = (before?.uint("ModifyIndex") ?? 0) === entry.uint("ModifyIndex");
  switch (op) {
    case "upsert-cas":
    case "upsert-with-status-cas":
      if (!isSeen) return false;
      break;
    case "upsert":
      break;
    case "delete-cas":
      if (!isSeen || before === undefined) return false;
      return removeRow(store, table, { key, index });
    case "delete":
      removeRow(store, table, { key, index });
      return true;
    default:
      return `invalid config entry operation type: ${op}`;
  }
  const created = before?.uint("CreateIndex") ?? index;
  putRow(store, table, configEntryRecord(found.kind, entry.with(raftIndex(created, index))));
  touch(store, table, index);
  return true;
}

/** As snapshots hold an entry: a request without an operation. */
function configEntryRecord(kind: string, entry: RawFields): Uint8Array {
  const request = new RawFields([
    ["Datacenter", rawText("")],
    ["Entry", wrapEntry(kind, entry)],
    ["Op", rawText("")],
    ["Token", rawText("")],
  ]);
  const writer = new MsgpackWriter();
  writer.text(kind);
  writer.raw(request.encode());
  return rawBytes(writer.take());
}

/** One per command number. */
export const keptCommands: readonly AnyCommand[] = [
  onFields(11, bootstrapToken),
  onFields(12, applyIntention),
  onFields(13, caCommand),
  setAll(17, keptTables.tokens, "Tokens"),
  deleteAll(18, keptTables.tokens, "TokenIDs"),
  setAll(19, keptTables.policies, "Policies"),
  deleteAll(20, keptTables.policies, "PolicyIDs"),
  onFields(21, caLeafCommand),
  keptCommand(22, applyConfigEntry),
  setAll(23, keptTables.roles, "Roles"),
  deleteAll(24, keptTables.roles, "RoleIDs"),
  setAll(25, keptTables.bindingRules, "BindingRules"),
  deleteAll(26, keptTables.bindingRules, "BindingRuleIDs"),
  setAll(27, keptTables.authMethods, "AuthMethods"),
  onFields(28, deleteAuthMethods),
  onFields(30, applyFederationState),
];
