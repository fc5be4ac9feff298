/** How a server stands in the log, as servers tell each other. Source: the reference's Status.RaftStats. */
import type { ConsensusStatus } from "../lib/consensus.ts";
import { parseDuration, millisecondNs } from "../lib/duration.ts";
import { renderGoDurationMs } from "../lib/go-duration.ts";
import type { RaftStats } from "../wire/rpc/status-methods.ts";
import type { ServerLogStats } from "./autopilot-core.ts";

/** This server's answer to Status.RaftStats. */
export function raftStatsOf(status: ConsensusStatus): RaftStats {
  return { LastContact: lastContactText(status), LastTerm: status.lastTerm, LastIndex: status.lastIndex };
}

/** Time since the leader was heard, as Go writes durations; "0" on the leader, "never" before the first contact. */
export function lastContactText({
  role,
  lastContactMs,
}: Pick<ConsensusStatus, "role" | "lastContactMs">): string {
  if (role === "leader") return "0";
  return lastContactMs === undefined ? "never" : renderGoDurationMs(lastContactMs);
}

/** Another server's answer in numbers. "never" counts as no time: its log tells that it is behind. */
export function toLogStats({ LastContact, LastTerm, LastIndex }: RaftStats): ServerLogStats {
  return {
    lastContactMs: (parseDuration(LastContact) ?? 0) / millisecondNs,
    lastTerm: LastTerm,
    lastIndex: LastIndex,
  };
}
