/** Replaces the servers' state with a snapshot. */
import { snapshotRestore } from "../../client/snapshot.ts";
import { clientFlags, connect, serverFlags } from "../client-flags.ts";
import { defineCommand, orFail, takeArgument } from "../command.ts";

/** `snapshot restore` */
export const snapshotRestoreCommand = defineCommand({
  usage: "snapshot restore [options] FILE",
  about: `Replaces what the servers hold with a snapshot. Meant for disasters, into a fresh cluster: a
server that fails meanwhile may be left behind. With ACLs on, a management token is needed.

    $ {program} snapshot restore backup.snap`,
  flags: { ...clientFlags, ...serverFlags },
  run: async (context) => {
    const file = takeArgument(context.args, "one", "FILE");
    const client = await connect(context);
    const archive = await orFail(
      context.host.files.stream(file),
      (why) => `Error opening snapshot file: ${why}`,
    );
    await orFail(snapshotRestore(client, archive), (why) => `Error restoring snapshot: ${why}`);
    context.out("Restored snapshot");
    return 0;
  },
});
