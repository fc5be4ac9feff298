/** Autopilot's settings: those in the replicated state, or those of this server until the first leader wrote some. */
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import type { Consensus } from "../lib/consensus.ts";
import { millisecondNs } from "../lib/duration.ts";
import { getAutopilotConfig } from "../state/autopilot.ts";
import type { StateStore } from "../state/store.ts";
import { AutopilotSetConfigRequest, type AutopilotConfig } from "../wire/structs/operator.ts";
import type { AutopilotSettings } from "./autopilot-core.ts";

/** The settings in the units that autopilot works with. */
export function toAutopilotSettings(config: AutopilotConfig): AutopilotSettings {
  return {
    cleanupDeadServers: config.CleanupDeadServers,
    lastContactThresholdMs: config.LastContactThreshold / millisecondNs,
    maxTrailingLogs: config.MaxTrailingLogs,
    minQuorum: config.MinQuorum,
    serverStabilizationTimeMs: config.ServerStabilizationTime / millisecondNs,
  };
}

/** Writes `initial` unless there are settings, as the first leader does. Leader only; rejects as `propose` does. */
export async function initializeAutopilot(
  { consensus, store }: { readonly consensus: Consensus; readonly store: StateStore },
  initial: AutopilotConfig,
): Promise<void> {
  if (getAutopilotConfig(store) !== undefined) return;
  const body = AutopilotSetConfigRequest.make({ Config: initial });
  await consensus.propose(encodeCommand(commandType.autopilot, AutopilotSetConfigRequest, body), body);
}
