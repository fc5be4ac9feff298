/** Autopilot's settings: one row. */
import { millisecondNs, secondNs } from "../lib/duration.ts";
import type { AutopilotConfig } from "../wire/structs/operator.ts";
import type { StateStore } from "./store.ts";

const onlyRow = "";

/** Settings until an operator changes them. Source: the reference's documentation. */
export const defaultAutopilotConfig: AutopilotConfig = {
  CleanupDeadServers: true,
  LastContactThreshold: 200 * millisecondNs,
  MaxTrailingLogs: 250,
  MinQuorum: 0,
  ServerStabilizationTime: 10 * secondNs,
  RedundancyZoneTag: "",
  DisableUpgradeMigration: false,
  UpgradeVersionTag: "",
  CreateIndex: 0,
  ModifyIndex: 0,
};

/** The settings in force, or `undefined` before the first leader wrote them. */
export function getAutopilotConfig(store: StateStore): AutopilotConfig | undefined {
  return store.tables.autopilot.get(onlyRow);
}

/** Replaces the settings. With `cas` only if they are still those of `config.ModifyIndex`; whether it did. */
export function setAutopilotConfig(
  store: StateStore,
  index: number,
  { config, cas }: { readonly config: AutopilotConfig; readonly cas: boolean },
): boolean {
  const existing = getAutopilotConfig(store);
  if (cas && existing?.ModifyIndex !== config.ModifyIndex) return false;
  putAutopilotConfig(store, { ...config, CreateIndex: existing?.CreateIndex ?? index, ModifyIndex: index });
  return true;
}

/** Stores a finished row. */
export function putAutopilotConfig(store: StateStore, row: AutopilotConfig): void {
  store.tables.autopilot.set(onlyRow, row);
  store.changedTopic("autopilot");
}
