/** Saves a snapshot: written aside, checked, then given its name. */
import { agentIdentity } from "../../client/agent.ts";
import type { HttpClient } from "../../client/http-client.ts";
import { leaderVersion } from "../../client/operator.ts";
import { readSnapshotArchive } from "../../client/snapshot-archive.ts";
import { snapshotSave } from "../../client/snapshot.ts";
import { clientFlags, connect, serverFlags, staleOption } from "../client-flags.ts";
import { defineCommand, orFail, takeArgument } from "../command.ts";
import { optionalStringFlag } from "../flag-set.ts";
import type { CliHost } from "../host.ts";

/** `file` with what `-append-filename` asks for between its stem and its extension. */
async function appendToName(client: HttpClient, file: string, parts: string): Promise<string> {
  const wanted = parts.split(",");
  let appended = "";
  if (wanted.includes("version")) {
    const version = await orFail(
      leaderVersion(client),
      (why) => `Error fetching version of Consul agent Leader: ${why}`,
    );
    appended += `-${version ?? ""}`;
  }
  if (wanted.includes("dc")) {
    const { datacenter } = await orFail(
      agentIdentity(client),
      (why) => `Error connecting to Consul agent and fetching datacenter/version: ${why}`,
    );
    appended += `-${datacenter}`;
  }
  const dot = file.lastIndexOf(".");
  const hasExtension = dot > file.lastIndexOf("/");
  if (!hasExtension) return file + appended;
  return file.slice(0, dot) + appended + file.slice(dot);
}

async function verify(host: CliHost, file: string): Promise<void> {
  const archive = await orFail(
    host.files.stream(file),
    (why) => `Error opening snapshot file for verify: ${why}`,
  );
  await orFail(
    readSnapshotArchive(archive, () => undefined),
    (why) => `Error verifying snapshot file: ${why}`,
  );
}

/** `snapshot save` */
export const snapshotSaveCommand = defineCommand({
  usage: "snapshot save [options] FILE",
  about: `Saves what the servers hold at one point in time: keys, catalog, queries, sessions, access
control. With ACLs on, a management token is needed. Without a leader, -stale takes the snapshot from
any server.

    $ {program} snapshot save backup.snap
    $ {program} snapshot save -stale backup.snap`,
  flags: {
    ...clientFlags,
    ...serverFlags,
    "append-filename": optionalStringFlag(
      "Adds to the file's name, before its extension: version (of the leader), dc, or both with a comma.",
    ),
  },
  run: async (context) => {
    const { flags, host } = context;
    const given = takeArgument(context.args, "one", "FILE");
    const client = await connect(context);
    const parts = flags["append-filename"] ?? "";
    const file = parts === "" ? given : await appendToName(client, given, parts);
    const { index, archive } = await orFail(
      snapshotSave(client, staleOption(flags)),
      (why) => `Error saving snapshot: ${why}`,
    );
    const unverified = `${file}.unverified`;
    try {
      await orFail(
        host.files.write(unverified, archive),
        (why) => `Error writing unverified snapshot file: ${why}`,
      );
      await verify(host, unverified);
      const names = `${JSON.stringify(unverified)} to ${JSON.stringify(file)}`;
      await orFail(host.files.rename(unverified, file), (why) => `Error renaming ${names}: ${why}`);
    } catch (error) {
      await host.files.remove(unverified);
      throw error;
    }
    context.out(`Saved and verified snapshot to index ${index}`);
    return 0;
  },
});
