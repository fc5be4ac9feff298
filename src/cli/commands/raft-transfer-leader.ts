/** Moves leadership. */
import { raftTransferLeader } from "../../client/operator.ts";
import { clientFlags, connect, serverFlags, staleOption } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { stringFlag } from "../flag-set.ts";
import { operatorCommand } from "../operator-command.ts";

/** `operator raft transfer-leader` */
export const raftTransferLeaderCommand = defineCommand({
  usage: "operator raft transfer-leader [options]",
  about: "Moves leadership to another server: the one given, or one that the leader picks.",
  flags: {
    ...clientFlags,
    ...serverFlags,
    id: stringFlag("ID of the server that shall lead."),
  },
  flagErrorLine: operatorCommand.flagErrorLine,
  run: async (context) => {
    const client = await connect(context, operatorCommand.connectFailure);
    // The misspelling is the reference's; scripts match on it.
    const explain = "Error transfering leadership: Failed to transfer leadership";
    const moved = await orFail(
      raftTransferLeader(client, { id: context.flags.id, ...staleOption(context.flags) }),
      (why) => `${explain} ${why}`,
    );
    if (!moved) throw new CommandFailure(explain);
    context.out("Success");
    return 0;
  },
});
