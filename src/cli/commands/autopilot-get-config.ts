/** Shows autopilot's settings. */
import { autopilotConfiguration } from "../../client/operator.ts";
import { clientFlags, connect, serverFlags, staleOption } from "../client-flags.ts";
import { defineCommand, orFail } from "../command.ts";
import { operatorCommand } from "../operator-command.ts";

/** `operator autopilot get-config` */
export const autopilotGetConfigCommand = defineCommand({
  usage: "operator autopilot get-config [options]",
  about: "Shows autopilot's settings.",
  flags: { ...clientFlags, ...serverFlags },
  flagErrorLine: operatorCommand.flagErrorLine,
  run: async (context) => {
    const client = await connect(context, operatorCommand.connectFailure);
    const settings = await orFail(
      autopilotConfiguration(client, staleOption(context.flags)),
      (why) => `Error querying Autopilot configuration: ${why}`,
    );
    context.out(`CleanupDeadServers = ${settings.CleanupDeadServers}`);
    context.out(`LastContactThreshold = ${settings.LastContactThreshold}`);
    context.out(`MaxTrailingLogs = ${settings.MaxTrailingLogs}`);
    context.out(`MinQuorum = ${settings.MinQuorum}`);
    context.out(`ServerStabilizationTime = ${settings.ServerStabilizationTime}`);
    context.out(`RedundancyZoneTag = ${JSON.stringify(settings.RedundancyZoneTag)}`);
    context.out(`DisableUpgradeMigration = ${settings.DisableUpgradeMigration}`);
    context.out(`UpgradeVersionTag = ${JSON.stringify(settings.UpgradeVersionTag)}`);
    return 0;
  },
});
