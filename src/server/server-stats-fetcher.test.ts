import { expect, test } from "bun:test";
import type { ConsensusStatus } from "../lib/consensus.ts";
import { silentLog } from "../lib/log.ts";
import { must } from "../lib/assert.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { parseServer, type ServerInfo } from "../wire/gossip/agent-tags.ts";
import type { RaftStats } from "../wire/rpc/status-methods.ts";
import { raftStatsOf, toLogStats } from "./raft-stats.ts";
import { StatsFetcher } from "./server-stats-fetcher.ts";
import { testPool } from "./testing.ts";

const info = must(parseServer(testPool.localMember()), "the test's member is a server");
const server = (id: string): ServerInfo => ({ ...info, id, name: `node-${id}` });
const answer: RaftStats = { LastContact: "12.5ms", LastTerm: 3, LastIndex: 7 };

test("answers that come in time count, and a server that hangs is asked once", async () => {
  const clock = new ManualClock();
  const asked: string[] = [];
  const hanging = Promise.withResolvers<RaftStats>();
  const fetcher = new StatsFetcher({
    clock,
    log: silentLog,
    raftStats: ({ id }) => {
      asked.push(id);
      if (id === "slow") return hanging.promise;
      return id === "sick" ? Promise.reject(new Error("refused")) : Promise.resolve(answer);
    },
  });
  const servers = [server("well"), server("slow"), server("sick")];
  const expected = new Map([["well", { lastContactMs: 12.5, lastTerm: 3, lastIndex: 7 }]]);

  const first = fetcher.fetch(servers, 1_000);
  await new Promise((turn) => setImmediate(turn));
  clock.advance(1_000);
  expect(await first).toEqual(expected);

  // The second round does not wait for who was not asked.
  expect(await fetcher.fetch(servers, 1_000)).toEqual(expected);
  expect(asked).toEqual(["well", "slow", "sick", "well", "sick"]);

  hanging.resolve(answer);
  await new Promise((turn) => setImmediate(turn));
  expect((await fetcher.fetch(servers, 1_000)).size).toBe(2);
});

test("contact is told as Go writes durations", () => {
  const status = { lastTerm: 2, lastIndex: 9, role: "follower" } as ConsensusStatus;
  expect(raftStatsOf({ ...status, lastContactMs: 41.25 }).LastContact).toBe("41.25ms");
  expect(raftStatsOf({ ...status, lastContactMs: undefined }).LastContact).toBe("never");
  expect(raftStatsOf({ ...status, role: "leader", lastContactMs: 0 })).toEqual({
    LastContact: "0",
    LastTerm: 2,
    LastIndex: 9,
  });
  expect(toLogStats({ ...answer, LastContact: "never" }).lastContactMs).toBe(0);
  expect(toLogStats({ ...answer, LastContact: "0" }).lastContactMs).toBe(0);
});
