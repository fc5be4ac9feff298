import { expect, test } from "bun:test";
import type { ConsensusStatus } from "../lib/consensus.ts";
import { clientSection, raftSection, serverSection } from "./stats-sections.ts";

const status: ConsensusStatus = {
  role: "follower",
  term: 4,
  lastIndex: 54,
  lastTerm: 4,
  commitIndex: 53,
  appliedIndex: 52,
  lastSnapshotIndex: 0,
  lastSnapshotTerm: 0,
  leaderId: "b",
  leaderAddress: "127.0.0.2:8300",
  servers: [
    { id: "a", address: "127.0.0.1:8300", voter: true },
    { id: "b", address: "127.0.0.2:8300", voter: true },
    { id: "c", address: "127.0.0.3:8300", voter: false },
  ],
  configurationIndex: 7,
  lastContactMs: 12.5,
};

test("the raft section of a follower", () => {
  expect(raftSection(status, "a")).toMatchObject({
    applied_index: "52",
    commit_index: "53",
    last_contact: "12.5ms",
    last_log_index: "54",
    latest_configuration:
      "[{Suffrage:Voter ID:a Address:127.0.0.1:8300} {Suffrage:Voter ID:b Address:127.0.0.2:8300} " +
      "{Suffrage:Nonvoter ID:c Address:127.0.0.3:8300}]",
    num_peers: "1",
    state: "Follower",
  });
  expect(raftSection(status, "c")["num_peers"]).toBe("0");
  expect(raftSection({ ...status, lastContactMs: undefined }, "a")["last_contact"]).toBe("never");
  expect(raftSection({ ...status, role: "leader", lastContactMs: 0 }, "a")).toMatchObject({
    last_contact: "0",
    state: "Leader",
  });
});

test("the consul section of servers and of clients", () => {
  expect(serverSection(status, { aclEnabled: false, bootstrap: true, knownDatacenters: 2 })).toEqual({
    acl: "disabled",
    bootstrap: "true",
    known_datacenters: "2",
    leader: "false",
    leader_addr: "127.0.0.2:8300",
    server: "true",
  });
  expect(clientSection({ aclEnabled: true, knownServers: 3 })).toEqual({
    acl: "enabled",
    known_servers: "3",
    server: "false",
  });
});
