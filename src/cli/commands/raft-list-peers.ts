/** Lists the servers in the Raft configuration. */
import { raftServers, type RaftServer } from "../../client/operator.ts";
import { clientFlags, connect, serverFlags, staleOption } from "../client-flags.ts";
import { renderTable } from "../columns.ts";
import { defineCommand, orFail } from "../command.ts";
import { operatorCommand } from "../operator-command.ts";

const header = [
  "Node",
  "ID",
  "Address",
  "State",
  "Voter",
  "RaftProtocol",
  "Commit Index",
  "Trails Leader By",
];

function trailing(server: RaftServer, leaderIndex: number): string {
  if (server.Leader) return "-";
  const count = leaderIndex - server.LastIndex;
  return `${count} ${count === 1 ? "commit" : "commits"}`;
}

/** `operator raft list-peers` */
export const raftListPeersCommand = defineCommand({
  usage: "operator raft list-peers [options]",
  about: "Lists the servers in the Raft configuration, and how far each lags behind the leader.",
  flags: { ...clientFlags, ...serverFlags },
  flagErrorLine: operatorCommand.flagErrorLine,
  run: async (context) => {
    const client = await connect(context, operatorCommand.connectFailure);
    const servers = await orFail(
      raftServers(client, staleOption(context.flags)),
      (why) => `Error getting peers: Failed to retrieve raft configuration: ${why}`,
    );
    const leaderIndex = servers.find((server) => server.Leader)?.LastIndex ?? 0;
    const rows = servers.map((server) => [
      server.Node,
      server.ID,
      server.Address,
      server.Leader ? "leader" : "follower",
      String(server.Voter),
      server.ProtocolVersion === "" ? "<=1" : server.ProtocolVersion,
      String(server.LastIndex),
      trailing(server, leaderIndex),
    ]);
    context.out(renderTable([header, ...rows]));
    return 0;
  },
});
