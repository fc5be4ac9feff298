/** Messages as one short line of the event log. */
import { unreachable } from "../../src/lib/assert.ts";
import type { RaftRequest, RaftResponse } from "../../src/raft/core/messages.ts";

export function renderMessage(m: RaftRequest | RaftResponse): string {
  switch (m.kind) {
    case "appendEntries": {
      if (m.prevLogIndex === 0 && m.entries.length === 0) return `heartbeat t${m.term}`;
      const terms = m.entries.map((entry) => entry.term).join(",");
      return `append t${m.term} prev ${m.prevLogIndex}/t${m.prevLogTerm} +${m.entries.length}[${terms}] commit ${m.leaderCommit}`;
    }
    case "appendEntriesResponse":
      return `append ${m.success ? "ok" : "refused"} t${m.term} last ${m.lastLog}`;
    case "requestVote":
      return `vote? t${m.term} last ${m.lastLogIndex}/t${m.lastLogTerm}${m.leadershipTransfer ? " transfer" : ""}`;
    case "requestVoteResponse":
      return `vote ${m.granted ? "granted" : "refused"} t${m.term}`;
    case "requestPreVote":
      return `pre-vote? t${m.term} last ${m.lastLogIndex}/t${m.lastLogTerm}`;
    case "requestPreVoteResponse":
      return `pre-vote ${m.granted ? "granted" : "refused"} t${m.term}`;
    case "installSnapshot":
      return `snapshot t${m.term} at ${m.lastLogIndex}/t${m.lastLogTerm}`;
    case "installSnapshotResponse":
      return `snapshot ${m.success ? "ok" : "refused"} t${m.term}`;
    case "timeoutNow":
      return "timeout now";
    case "timeoutNowResponse":
      return "timeout now ok";
    default:
      return unreachable(m);
  }
}
