/** Changes of checks. Source: the reference's ensureCheckTxn and deleteCheckTxn. */
import type { HealthCheck } from "../wire/structs/catalog.ts";
import {
  foldName,
  getCheck,
  getNode,
  getService,
  missingNodeText,
  missingServiceText,
  raiseIndex,
  raiseServiceIndexes,
  rowKey,
  sameValue,
  touchServicesOfNode,
} from "./catalog-rows.ts";
import { invalidateCheckSessions } from "./session.ts";
import type { StateStore } from "./store.ts";

/**
 * Sets a check. An equal one changes nothing, except that a critical check always ends its sessions.
 * Answers the refusal's text: the node or the check's service must exist.
 */
export function ensureCheck(store: StateStore, index: number, check: HealthCheck): string | undefined {
  if (getNode(store, check.Node) === undefined) return missingNodeText;
  const service = check.ServiceID === "" ? undefined : getService(store, check.Node, check.ServiceID);
  if (check.ServiceID !== "" && service === undefined) return missingServiceText;

  const existing = getCheck(store, check.Node, check.CheckID);
  const Status = check.Status === "" ? "critical" : check.Status;
  const row: HealthCheck = {
    ...check,
    Status,
    // The leader stamps every registration; it counts where the status is another.
    LastTransition: existing?.Status === Status ? existing.LastTransition : check.LastTransition,
    ServiceName: service?.Service ?? check.ServiceName,
    ServiceTags: service === undefined ? check.ServiceTags : service.Tags,
    CreateIndex: existing?.CreateIndex ?? index,
    ModifyIndex: index,
  };
  if (row.Status === "critical") invalidateCheckSessions(store, index, row.Node, row.CheckID);
  if (existing !== undefined && sameCheck(existing, row)) return undefined;
  putCheck(store, index, row);
  return undefined;
}

/** Stores a finished row, marks the indexes and reports the change. */
export function putCheck(store: StateStore, index: number, row: HealthCheck): void {
  const existing = getCheck(store, row.Node, row.CheckID);
  if (existing !== undefined) reportCheck(store, index, existing);
  store.changesRow("checks", rowKey(row.Node, row.CheckID), existing);
  store.tables.checks.set(rowKey(row.Node, row.CheckID), row);
  raiseIndex(store, "checks", index);
  reportCheck(store, index, row);
}

/** Removes a check and ends the sessions that depend on it. Unknown checks are fine. */
// oxlint-disable-next-line max-params -- store and index lead every change; node and id together name the row.
export function deleteCheck(store: StateStore, index: number, node: string, checkId: string): void {
  const existing = getCheck(store, node, checkId);
  if (existing === undefined) return;
  reportCheck(store, index, existing);
  // The reference marks the services table too when a check of the whole node goes.
  if (existing.ServiceID === "") raiseIndex(store, "services", index);
  store.changesRow("checks", rowKey(node, checkId), existing);
  store.tables.checks.delete(rowKey(node, checkId));
  raiseIndex(store, "checks", index);
  invalidateCheckSessions(store, index, existing.Node, checkId);
}

function sameCheck(a: HealthCheck, b: HealthCheck): boolean {
  return sameValue({ ...a, CreateIndex: 0, ModifyIndex: 0 }, { ...b, CreateIndex: 0, ModifyIndex: 0 });
}

function reportCheck(store: StateStore, index: number, check: HealthCheck): void {
  store.changedTopic("checks");
  store.changedTopic(`checks:${check.Status}`);
  store.changedTopic(`node-checks:${foldName(check.Node)}`);
  if (check.ServiceID === "") return touchServicesOfNode(store, index, { node: check.Node, topic: "health" });
  const service = getService(store, check.Node, check.ServiceID);
  if (service !== undefined) raiseServiceIndexes(store, service, index);
  const name = foldName(service?.Service ?? check.ServiceName);
  store.changedTopic(`health:${name}`);
  store.changedTopic(`service-checks:${foldName(check.ServiceName)}`);
}
