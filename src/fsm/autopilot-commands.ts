/** Log command 9 and autopilot's part of snapshots. */
import { putAutopilotConfig, setAutopilotConfig } from "../state/autopilot.ts";
import { encodeMsgpack } from "../wire/schema/codec.ts";
import { AutopilotConfig, AutopilotSetConfigRequest } from "../wire/structs/operator.ts";
import { command, commandType, restoreRecord, type AnyCommand, type SnapshotPart } from "./command.ts";

/** Answers whether the settings were replaced. */
export const autopilotCommands: readonly AnyCommand[] = [
  command({
    type: commandType.autopilot,
    codec: AutopilotSetConfigRequest,
    apply: (store, index, { Config, CAS }) => setAutopilotConfig(store, index, { config: Config, cas: CAS }),
  }),
];

/** One record once the settings were written. */
export const autopilotSnapshotPart: SnapshotPart = {
  *records(view) {
    for (const row of view.autopilot.values()) {
      yield { type: commandType.autopilot, body: encodeMsgpack(AutopilotConfig, row) };
    }
  },
  restore: [restoreRecord({ type: commandType.autopilot, codec: AutopilotConfig, put: putAutopilotConfig })],
};
