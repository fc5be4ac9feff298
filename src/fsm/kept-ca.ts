/** Commands of the mesh's certificate authority: every cluster of the reference writes them when it first leads. */
import type { StateStore } from "../state/store.ts";
import {
  keptRow,
  keptRows,
  keptTables,
  putRow,
  raftIndex,
  removeRow,
  touch,
  upsertRow,
} from "./kept-rows.ts";
import { RawFields } from "./raw-fields.ts";

const { caRoots, caProviderState, caConfig } = keptTables;
/** A counter that lives in the index table. */
const serialIndex = "connect-ca-builtin-serial";
const leafIndex = "connect-ca-leaf-certs";

/** The answer is what the reference's is: whether it happened, the new serial number, or why it was refused. */
export function caCommand(store: StateStore, index: number, request: RawFields): unknown {
  const op = request.text("Op");
  switch (op) {
    case "set-config": {
      const config = request.fields("Config");
      return setConfig(store, index, config.uint("ModifyIndex") === 0 ? { config } : { config, isCas: true });
    }
    case "set-roots":
      return setRoots(store, index, request);
    case "set-roots-config": {
      const refused = setRoots(store, index, request);
      return refused === true
        ? setConfig(store, index, { config: request.fields("Config"), isCas: true })
        : refused;
    }
    case "set-provider-state":
      upsertRow(store, caProviderState, { row: request.fields("ProviderState"), index });
      return true;
    case "delete-provider-state":
      removeRow(store, caProviderState, { key: request.fields("ProviderState").text("ID"), index });
      return true;
    case "increment-provider-serial": {
      const next = (store.tables.indexes.get(serialIndex) ?? store.maxIndex(caProviderState.index)) + 1;
      store.setIndex(serialIndex, next);
      return next;
    }
    default:
      return `Invalid CA operation '${op}'`;
  }
}

/** The index of leaf certificates is the log's own. */
export function caLeafCommand(store: StateStore, index: number, request: RawFields): unknown {
  const op = request.text("Op");
  if (op !== "increment-index") return `Invalid CA operation '${op}'`;
  store.setIndex(leafIndex, index);
  return index;
}

function setConfig(
  store: StateStore,
  index: number,
  o: { readonly config: RawFields; readonly isCas?: boolean },
): true | string {
  const present = keptRow(store, caConfig, "");
  const before = present === undefined ? undefined : RawFields.decode(present);
  if (o.isCas === true && (before?.uint("ModifyIndex") ?? 0) !== o.config.uint("ModifyIndex"))
    return "ModifyIndex did not match existing";
  const created = before?.uint("CreateIndex") ?? index;
  // The cluster's id is given once.
  const keepsId = before !== undefined && o.config.text("ClusterID") === "";
  const row = keepsId ? o.config.with({ ClusterID: before.bytes("ClusterID") }) : o.config;
  putRow(store, caConfig, row.with(raftIndex(created, index)).encode());
  store.changedTopic(caConfig.index);
  return true;
}

/** All roots at once, if nobody changed them meanwhile; the reference calls it done in either case. */
function setRoots(store: StateStore, index: number, request: RawFields): true | string {
  const roots = request.list("Roots").map((bytes) => RawFields.decode(bytes));
  if (roots.filter((root) => root.bool("Active")).length !== 1) return "there must be exactly one active CA";
  if (store.maxIndex(caRoots.index) !== request.uint("Index")) return true;
  if (roots.some((root) => root.text("ID") === "")) return "Missing CA Root ID";
  const before = new Map(keptRows(store, caRoots).map((row) => [caRoots.keyOf(row), RawFields.decode(row)]));
  for (const key of before.keys()) removeRow(store, caRoots, { key, index });
  for (const root of roots) {
    const created = before.get(root.text("ID"))?.uint("CreateIndex") ?? index;
    putRow(store, caRoots, root.with(raftIndex(created, index)).encode());
  }
  touch(store, caRoots, index);
  return true;
}
