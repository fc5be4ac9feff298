/** Messages and writes as one short line of the event log. */
import { unreachable } from "../../src/lib/assert.ts";
import type { LogWrite } from "../../src/raft/core/effects.ts";
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

export function renderWrite({ token, entries, hardState, truncateFrom, restartAfter }: LogWrite): string {
  const parts = [`write ${token}`];
  if (restartAfter !== undefined) parts.push(`restart after ${restartAfter}`);
  if (truncateFrom !== undefined) parts.push(`cut from ${truncateFrom}`);
  if (entries.length > 0) parts.push(`${entries.length} entries to ${entries.at(-1)?.index}`);
  if (hardState !== undefined) parts.push(`term ${hardState.term} vote ${hardState.votedFor ?? "none"}`);
  return parts.join(", ");
}
