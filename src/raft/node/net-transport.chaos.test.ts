/**
 * Three nodes over real sockets whose connections are cut at random: all agree in the end, and nothing that was
 * acknowledged is lost. What this is after: answers that reach the wrong request, lanes that never come back,
 * snapshots that arrive in part.
 */
import { expect, test } from "bun:test";
import { LeadershipLostError, NotLeaderError } from "../../lib/consensus.ts";
import { seededRng } from "../../lib/rng.ts";
import { openNetEnd, type NetEnd } from "./testing/net-end.ts";
import type { RaftNode } from "./raft-node.ts";
import { RaftRefusedError, RaftShutdownError } from "./refusal.ts";
import { TestCluster, text, until } from "./test-kit.ts";

const turns = 60;
const seeds = Array.from({ length: Number(process.env["RAFT_CHAOS_SEEDS"] ?? 3) }, (_, at) => at + 1);

function propose(node: RaftNode, command: string, ledger: { acknowledged: string[]; waiting: number }): void {
  ledger.waiting += 1;
  node
    .propose(text(command))
    .then(
      () => ledger.acknowledged.push(command),
      (error: unknown) => {
        const isForeseen =
          error instanceof NotLeaderError ||
          error instanceof RaftRefusedError ||
          error instanceof LeadershipLostError ||
          error instanceof RaftShutdownError;
        if (!isForeseen) throw error;
      },
    )
    .finally(() => (ledger.waiting -= 1));
}

test.each(seeds)(
  "seed %d",
  async (seed) => {
    const rng = seededRng(seed);
    const ends = new Map<string, NetEnd>();
    await using cluster = new TestCluster(3, {
      raft: {
        heartbeatTimeoutMs: 200,
        electionTimeoutMs: 200,
        leaderLeaseTimeoutMs: 100,
        commitTimeoutMs: 5,
        requestTimeoutMs: 1_000,
        trailingLogs: 20,
      },
      settings: { snapshotIntervalMs: 60, snapshotThreshold: 80 },
      transport: ({ id }) => ends.get(id)!.transport,
    });
    for (const { id } of cluster.members)
      ends.set(
        id,
        await openNetEnd({ clock: cluster.clock, resolveAddress: (peer) => ends.get(peer)?.address }),
      );
    await cluster.start();
    const ledger = { acknowledged: [] as string[], waiting: 0 };
    let proposed = 0;
    for (let turn = 0; turn < turns; turn += 1) {
      const member = cluster.members[rng.below(3)]!;
      const kind = rng.below(12);
      if (kind < 7) {
        for (let count = 1 + rng.below(40); count > 0; count -= 1) {
          proposed += 1;
          propose(member.node!, `${proposed}${rng.chance(1, 50) ? "x".repeat(200_000) : ""}`, ledger);
        }
      } else if (kind < 10) ends.get(member.id)!.cut();
      else if (kind === 10) member.node!.transferLeadership().catch(() => undefined);
      else {
        await member.node!.close();
        await cluster.open(member);
      }
      for (let ms = rng.below(60); ms > 0; ms -= 1) {
        await new Promise((resolve) => setImmediate(resolve));
        cluster.clock.advance(1);
      }
    }
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
    const held = new Set(first);
    expect(held.size).toBe(first!.length);
    expect(ledger.acknowledged.filter((command) => !held.has(command))).toEqual([]);
    expect(ledger.acknowledged.length).toBeGreaterThan(30);
    for (const { node } of cluster.members) await node!.close();
    for (const end of ends.values()) await end[Symbol.asyncDispose]();
  },
  60_000,
);
