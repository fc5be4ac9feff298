/**
 * Prints the version. The first line is what launchers of the reference look for; our own follows.
 * Protocol numbers are those of the agents' RPC that this program speaks.
 */
import { CommandFailure, defineCommand } from "../command.ts";
import { stringFlag } from "../flag-set.ts";
import type { CliBuild } from "../host.ts";

const protocol = { Default: 2, Min: 2, Max: 3 } as const;

/** What the reference's JSON has for "no time". */
const goZeroTime = "0001-01-01T00:00:00Z";

function renderPretty(build: CliBuild): string {
  const lines = [
    `Consul v${build.compatibleVersion}`,
    `Proconsul v${build.version}, compatible with Consul ${build.compatibleVersion.replace(/\.\d+$/u, "")}`,
    ...(build.revision === "" ? [] : [`Revision ${build.revision}`]),
    ...(build.buildDate === "" ? [] : [`Build Date ${build.buildDate}`]),
    `Protocol ${protocol.Default} spoken by default, understands ${protocol.Min} to ${protocol.Max} ` +
      `(agent will automatically use protocol >${protocol.Default} when speaking to compatible agents)`,
    "",
  ];
  return lines.join("\n");
}

function renderJson(build: CliBuild): string {
  return JSON.stringify(
    {
      Version: build.compatibleVersion,
      Revision: build.revision,
      Prerelease: "",
      BuildDate: build.buildDate === "" ? goZeroTime : build.buildDate,
      RPC: protocol,
      Product: { Name: "Proconsul", Version: build.version },
    },
    null,
    3,
  );
}

/** `version` */
export const versionCommand = defineCommand({
  usage: "version [options]",
  about: "Prints the version of this program and of the reference that it is compatible with.",
  flags: { format: stringFlag("Output format {pretty|json}", { initial: "pretty" }) },
  run: async ({ host, flags, out }) => {
    switch (flags.format) {
      case "pretty":
        out(renderPretty(host.build));
        return 0;
      case "json":
        out(renderJson(host.build));
        return 0;
      default:
        throw new CommandFailure(`Unknown format: ${flags.format}`);
    }
  },
});
