/**
 * Three nodes under seeded trouble: cuts, restarts, snapshots, transfers. In the end all agree, everything that was
 * acknowledged is there once, and nothing is there that was refused. The core's own simulator is in `sim/`; this
 * one is after faults of the driver: results handed to the wrong caller, entries applied twice or passed over.
 */
import { expect, test } from "bun:test";
import { LeadershipLostError, NotLeaderError } from "../../lib/consensus.ts";
import { seededRng, type Rng } from "../../lib/rng.ts";
import { chunkBytes } from "./chunking.ts";
import type { RaftNode } from "./raft-node.ts";
import { RaftRefusedError, RaftShutdownError } from "./refusal.ts";
import { TestCluster, text, until, type Member } from "./test-kit.ts";

const turns = 150;
/** RAFT_CHAOS_SEEDS sets how many seeds are played. */
const seeds = Array.from({ length: Number(process.env["RAFT_CHAOS_SEEDS"] ?? 8) }, (_, at) => at + 1);

interface Ledger {
  readonly acknowledged: string[];
  readonly refused: string[];
  waiting: number;
  /** Names the next command. */
  proposed: number;
}

function propose(node: RaftNode, ledger: Ledger, command: string): void {
  ledger.waiting += 1;
  ledger.proposed += 1;
  node
    .propose(text(command))
    .then(
      () => ledger.acknowledged.push(command),
      (error: unknown) => {
        // Neither of these leaves anything in the log. Lost leadership and shutdown tell nothing.
        if (error instanceof NotLeaderError || error instanceof RaftRefusedError)
          ledger.refused.push(command);
        else if (!(error instanceof LeadershipLostError || error instanceof RaftShutdownError)) throw error;
      },
    )
    .finally(() => (ledger.waiting -= 1));
}

async function turn(cluster: TestCluster, rng: Rng, ledger: Ledger): Promise<void> {
  const member = cluster.members[rng.below(cluster.members.length)]!;
  const node = member.node!;
  const kind = rng.below(20);
  if (kind < 12) {
    const count = 1 + rng.below(30);
    for (let at = 0; at < count; at += 1) {
      const filler = rng.chance(1, 300) ? "x".repeat(chunkBytes * 2) : "";
      propose(node, ledger, `${ledger.proposed}${filler}`);
    }
  } else if (kind === 12) cluster.network.cut(member.address);
  else if (kind < 15) for (const one of cluster.members) cluster.network.heal(one.address);
  else if (kind === 15) await restart(cluster, member);
  else if (kind === 16) node.snapshot().catch(() => undefined);
  else if (kind === 17) node.transferLeadership().catch(() => undefined);
  else if (kind === 18) node.barrier().catch(() => undefined);
  const pauseMs = rng.chance(1, 8) ? 400 : rng.below(20);
  for (let ms = 0; ms < pauseMs; ms += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    cluster.clock.advance(1);
  }
}

async function restart(cluster: TestCluster, member: Member): Promise<void> {
  await member.node!.close();
  await cluster.open(member);
}

test.each(seeds)(
  "seed %d",
  async (seed) => {
    const rng = seededRng(seed);
    await using cluster = new TestCluster(3, {
      raft: {
        heartbeatTimeoutMs: 50,
        electionTimeoutMs: 50,
        leaderLeaseTimeoutMs: 25,
        commitTimeoutMs: 5,
        trailingLogs: 20,
      },
      settings: { snapshotIntervalMs: 60, snapshotThreshold: 80 },
    });
    await cluster.start();
    const ledger: Ledger = { acknowledged: [], refused: [], waiting: 0, proposed: 0 };
    for (let count = 0; count < turns; count += 1) await turn(cluster, rng, ledger);
    for (const { address } of cluster.members) cluster.network.heal(address);
    await until(cluster.clock, () => ledger.waiting === 0, "every proposal is answered");
    const leader = await cluster.leader();
    await cluster.settled(leader.barrier());
    await until(
      cluster.clock,
      () => new Set(cluster.members.map(({ node }) => node!.status().appliedIndex)).size === 1,
      "all have applied the same",
    );
    expect(cluster.failures).toEqual([]);
    const [first, ...others] = cluster.members.map(({ machine }) => machine.items);
    for (const other of others) expect(other).toEqual(first!);
    const present = new Set(first);
    expect(present.size).toBe(first!.length);
    expect(ledger.acknowledged.filter((command) => !present.has(command))).toEqual([]);
    expect(ledger.refused.filter((command) => present.has(command))).toEqual([]);
    expect(ledger.acknowledged.length).toBeGreaterThan(100);
  },
  60_000,
);
