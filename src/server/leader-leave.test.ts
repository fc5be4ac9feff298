import { expect, test } from "bun:test";
import type { ConsensusServer, ConsensusStatus } from "../lib/consensus.ts";
import { silentLog } from "../lib/log.ts";
import { Fsm } from "../fsm/fsm.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { settled } from "../raft/node/test-kit.ts";
import { StateStore } from "../state/store.ts";
import { leaveServer, type LeaveParts } from "./leader-leave.ts";
import { InstantConsensus } from "./testing.ts";

const server = (id: string): ConsensusServer => ({ id, address: `${id}:8300`, voter: true });

class Member extends InstantConsensus {
  role: ConsensusStatus["role"];
  transferFails = false;
  constructor(role: ConsensusStatus["role"], ids: readonly string[]) {
    super(new Fsm(new StateStore(), [], []), ids.map(server));
    this.role = role;
  }
  override status(): ConsensusStatus {
    return { ...super.status(), role: this.role };
  }
  override transferLeadership(): Promise<void> {
    if (this.transferFails) return Promise.reject(new Error("nobody is fit"));
    this.role = "follower";
    return Promise.resolve();
  }
}

interface Outcome {
  readonly steps: readonly string[];
  readonly tookMs: number;
  readonly ids: readonly string[];
}

/** Leaves; `removedAfter` gossip's leave, the others take the server out. */
async function leave(consensus: Member, over: Partial<LeaveParts> = {}, removed = true): Promise<Outcome> {
  const clock = new ManualClock();
  const steps: string[] = [];
  const parts: LeaveParts = {
    consensus,
    clock,
    log: { ...silentLog, warn: (text) => steps.push(text), error: (text) => steps.push(text) },
    nodeId: "a",
    leaveWan: async () => void steps.push("wan"),
    leaveLan: async () => {
      steps.push("lan");
      if (removed && consensus.role === "follower")
        clock.after(6_000, () => void consensus.removeServer("a"));
    },
    refuseRequests: () => steps.push("refuse"),
    drainMs: 5_000,
    ...over,
  };
  const startMs = clock.monotonicMs();
  await settled(clock, leaveServer(parts));
  const ids = consensus.status().servers.map(({ id }) => id);
  return { steps, tookMs: clock.monotonicMs() - startMs, ids };
}

test("a leader hands leadership on, leaves, and waits until it is taken out", async () => {
  const { steps, tookMs, ids } = await leave(new Member("leader", ["a", "b", "c"]));
  expect(steps).toEqual(["wan", "lan", "refuse"]);
  expect(ids).toEqual(["b", "c"]);
  expect(tookMs).toBeGreaterThanOrEqual(6_000);
  expect(tookMs).toBeLessThan(6_100);
});

test("a leader that nobody can follow takes itself out", async () => {
  const consensus = new Member("leader", ["a", "b", "c"]);
  consensus.transferFails = true;
  const { steps, tookMs, ids } = await leave(consensus);
  expect(steps).toEqual(["failed to transfer leadership", "wan", "lan", "refuse"]);
  expect(ids).toEqual(["b", "c"]);
  expect(tookMs).toBeLessThan(5_100);
});

test("the only server just leaves", async () => {
  const { steps, tookMs, ids } = await leave(new Member("leader", ["a"]));
  expect(steps).toEqual(["wan", "lan", "refuse"]);
  expect(ids).toEqual(["a"]);
  expect(tookMs).toBeLessThan(5_100);
});

test("a follower waits, but not for ever", async () => {
  const { steps, tookMs } = await leave(new Member("follower", ["a", "b"]), {}, false);
  expect(steps.at(-1)).toBe("failed to leave raft configuration gracefully, timeout");
  expect(tookMs).toBeLessThan(10_200);
});

test("a pool that cannot be left keeps nobody from leaving the others", async () => {
  const failing = (): Promise<void> => Promise.reject(new Error("timeout"));
  const { steps } = await leave(new Member("leader", ["a"]), { leaveWan: failing });
  expect(steps).toEqual(["failed to leave WAN Serf cluster", "lan", "refuse"]);
});
