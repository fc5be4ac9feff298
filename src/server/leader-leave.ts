/**
 * How a server leaves for good without harm to the quorum.
 *
 * A leader hands leadership on first, or takes itself out of the configuration where that fails; then gossip
 * is told, and whoever leads takes this server out. Source: the reference's Server.Leave.
 */
import type { Clock } from "../lib/clock.ts";
import type { Consensus } from "../lib/consensus.ts";
import type { Log } from "../lib/log.ts";

/** How long to wait until the leader has taken this server out. */
const removalGraceMs = 5_000;
const removalPollMs = 50;

export interface LeaveParts {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeId: string;
  /** Leave the gossip pools; `leaveWan` is absent without a wide-area pool. */
  readonly leaveWan?: () => Promise<void>;
  leaveLan(): Promise<void>;
  /** From now on requests are refused, so that clients go to another server. */
  refuseRequests(): void;
  /** How long requests under way get to finish. */
  readonly drainMs: number;
}

/** Leaves; afterwards the server can be closed. Never rejects: what fails is logged. */
export async function leaveServer(parts: LeaveParts): Promise<void> {
  const { consensus, clock, log } = parts;
  log.info("server starting leave");
  const removedItself = await stepDown(parts);
  if (parts.leaveWan !== undefined) {
    await attempt(log, "failed to leave WAN Serf cluster", parts.leaveWan);
  }
  await attempt(log, "failed to leave LAN Serf cluster", () => parts.leaveLan());
  // Only now: a client that is refused must already see that this server has left.
  log.info("Waiting to drain RPC traffic", { drain_time: `${parts.drainMs}ms` });
  parts.refuseRequests();
  await pause(clock, parts.drainMs);
  // One that still leads has nobody who could take it out.
  if (removedItself || consensus.status().role === "leader") return;
  if (!(await isTakenOut(parts))) {
    log.warn("failed to leave raft configuration gracefully, timeout");
  }
}

/** Makes sure that this server does not lead others any more. Answers whether it took itself out. */
async function stepDown({ consensus, log, nodeId }: LeaveParts): Promise<boolean> {
  const { role, servers } = consensus.status();
  if (role !== "leader" || servers.filter(({ voter }) => voter).length < 2) return false;
  try {
    await consensus.transferLeadership();
    return false;
  } catch (error) {
    log.warn("failed to transfer leadership", { error: String(error) });
  }
  return attempt(log, "failed to remove ourself as raft peer", () => consensus.removeServer(nodeId));
}

/** Waits until the configuration is without this server. */
async function isTakenOut({ consensus, clock, nodeId }: LeaveParts): Promise<boolean> {
  const endMs = clock.monotonicMs() + removalGraceMs;
  const isMember = (): boolean => consensus.status().servers.some(({ id }) => id === nodeId);
  while (isMember() && clock.monotonicMs() < endMs) await pause(clock, removalPollMs);
  return !isMember();
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

async function attempt(log: Log, failure: string, call: () => Promise<void>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    log.error(failure, { error: error instanceof Error ? error.message : String(error) });
    return false;
  }
}
