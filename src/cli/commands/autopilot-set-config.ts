/** Changes autopilot's settings: reads them, changes what was given, writes them if nobody else did. */
import { autopilotCas, autopilotConfiguration } from "../../client/operator.ts";
import { renderGoDuration } from "../../lib/go-duration.ts";
import { clientFlags, connect, serverFlags } from "../client-flags.ts";
import { defineCommand, orFail } from "../command.ts";
import { optionalBoolFlag, optionalDurationFlag, optionalStringFlag, optionalUintFlag } from "../flag-set.ts";
import { operatorCommand } from "../operator-command.ts";

function durationText(ns: bigint | undefined): string | undefined {
  return ns === undefined ? undefined : renderGoDuration(ns);
}

/** `operator autopilot set-config` */
export const autopilotSetConfigCommand = defineCommand({
  usage: "operator autopilot set-config [options]",
  about: "Changes autopilot's settings. What is not given stays as it is.",
  flags: {
    ...clientFlags,
    ...serverFlags,
    "cleanup-dead-servers": optionalBoolFlag("Remove dead servers when new ones have joined.", "true|false"),
    "max-trailing-logs": optionalUintFlag(
      "How many log entries a server may lag behind the leader and still be healthy.",
    ),
    "min-quorum": optionalUintFlag("How many servers must remain when dead ones are removed."),
    "last-contact-threshold": optionalDurationFlag(
      "How long a server may not hear from the leader and still be healthy.",
      "200ms",
    ),
    "server-stabilization-time": optionalDurationFlag(
      "How long a new server must be healthy before it gets a vote.",
      "10s",
    ),
    "redundancy-zone-tag": optionalStringFlag(
      "Node metadata that names a server's zone (Enterprise edition of the reference).",
    ),
    "disable-upgrade-migration": optionalBoolFlag(
      "Promote new servers at once during an upgrade (Enterprise edition of the reference).",
      "true|false",
    ),
    "upgrade-version-tag": optionalStringFlag(
      "Node metadata that names a server's version (Enterprise edition of the reference).",
    ),
  },
  flagErrorLine: operatorCommand.flagErrorLine,
  run: async (context) => {
    const { flags } = context;
    const client = await connect(context, operatorCommand.connectFailure);
    const before = await orFail(
      autopilotConfiguration(client),
      (why) => `Error querying Autopilot configuration: ${why}`,
    );
    const after = {
      ...before,
      CleanupDeadServers: flags["cleanup-dead-servers"] ?? before.CleanupDeadServers,
      MaxTrailingLogs: flags["max-trailing-logs"] ?? before.MaxTrailingLogs,
      MinQuorum: flags["min-quorum"] ?? before.MinQuorum,
      LastContactThreshold: durationText(flags["last-contact-threshold"]) ?? before.LastContactThreshold,
      ServerStabilizationTime:
        durationText(flags["server-stabilization-time"]) ?? before.ServerStabilizationTime,
      RedundancyZoneTag: flags["redundancy-zone-tag"] ?? before.RedundancyZoneTag,
      DisableUpgradeMigration: flags["disable-upgrade-migration"] ?? before.DisableUpgradeMigration,
      UpgradeVersionTag: flags["upgrade-version-tag"] ?? before.UpgradeVersionTag,
    };
    const updated = await orFail(
      autopilotCas(client, after),
      (why) => `Error setting Autopilot configuration: ${why}`,
    );
    if (updated) {
      context.out("Configuration updated!");
      return 0;
    }
    context.out("Configuration could not be atomically updated, please try again");
    return 1;
  },
});
