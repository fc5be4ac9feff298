/** Removes a server from the Raft configuration. */
import { raftRemovePeer } from "../../client/operator.ts";
import { clientFlags, connect, serverFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { stringFlag } from "../flag-set.ts";
import { operatorCommand } from "../operator-command.ts";

/** `operator raft remove-peer` */
export const raftRemovePeerCommand = defineCommand({
  usage: "operator raft remove-peer [options]",
  about: `Removes a server from the Raft configuration, for a server that is gone but still counts
towards the quorum. If "{program} members" still shows it, "{program} force-leave" is the better way.`,
  flags: {
    ...clientFlags,
    ...serverFlags,
    address: stringFlag("Address of the server, with its port."),
    id: stringFlag("ID of the server."),
  },
  flagErrorLine: operatorCommand.flagErrorLine,
  run: async (context) => {
    const { address, id } = context.flags;
    const explain = (why: string): string => `Error removing peer: ${why}`;
    const client = await connect(context, operatorCommand.connectFailure);
    if (address === "" && id === "") {
      throw new CommandFailure(explain("an address or id is required for the peer to remove"));
    }
    if (address !== "" && id !== "") {
      throw new CommandFailure(explain("cannot give both an address and id"));
    }
    const peer = address === "" ? ({ kind: "id", id } as const) : ({ kind: "address", address } as const);
    await orFail(raftRemovePeer(client, peer), explain);
    context.out(
      address === ""
        ? `Removed peer with id ${JSON.stringify(id)}`
        : `Removed peer with address ${JSON.stringify(address)}`,
    );
    return 0;
  },
});
