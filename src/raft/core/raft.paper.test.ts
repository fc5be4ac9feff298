/** Tests named after sections of Ongaro, "Consensus: Bridging Theory and Practice" (2014). */
import { describe, expect, test } from "bun:test";
import { logIndex, term } from "../../lib/log-index.ts";
import { protocolVersion } from "./messages.ts";
import type { ServerId, SnapshotMark } from "./entry.ts";
import {
  appendFrom,
  commands,
  configurationOf,
  preVoteFrom,
  TestLog,
  TestServer,
  voteFrom,
} from "./test-cluster.ts";

const n3 = "n3" as ServerId;

describe("§3.3 terms", () => {
  test("a server that sees a newer term takes it and forgets its vote", () => {
    const server = new TestServer({ hardState: { term: 1, votedFor: "n1:8300" } });
    server.ask(appendFrom({ term: 5 }));
    expect(server.hardState).toEqual({ term: term(5), votedFor: undefined });
    expect(server.core.status().leader).toEqual({ id: "n2" as ServerId, address: "n2:8300" });
  });

  test("a leader that sees a newer term steps down", () => {
    const server = new TestServer({});
    server.elect();
    server.ask(appendFrom({ term: 9 }));
    expect(server.core.status()).toMatchObject({ role: "follower", term: term(9) });
    expect(server.outcomes).toEqual([]);
  });

  test("a request of an older term is refused with the newer one", () => {
    const server = new TestServer({ hardState: { term: 7 } });
    expect(server.ask(appendFrom({ term: 6 }))).toMatchObject({
      success: false,
      noRetryBackoff: false,
      term: 7,
    });
    expect(server.ask(voteFrom({ term: 6, last: [9, 5] }))).toMatchObject({ granted: false, term: 7 });
  });
});

describe("§3.4 leader election", () => {
  test("a follower that hears nothing stands between one and two timeouts", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const server = new TestServer({ seed });
      expect(server.effects.wakeAtMs).toBeGreaterThanOrEqual(1_000);
      expect(server.effects.wakeAtMs).toBeLessThan(2_000);
      server.pass(999);
      expect(server.core.status().role).toBe("follower");
      server.pass(1_001);
      expect(server.core.status().role).toBe("candidate");
    }
  });

  test("its vote requests leave only when its own vote is durable", () => {
    const server = new TestServer({ options: { preVote: false } });
    server.pass(2_000);
    expect(server.takeRequests()).toEqual([]);
    server.sync();
    expect(server.takeRequests().map((r) => r.message.kind)).toEqual(["requestVote", "requestVote"]);
    expect(server.hardState).toEqual({ term: term(2), votedFor: "n1:8300" });
  });

  test("a vote is given once in a term, again to the same, and leaves only when durable", () => {
    const server = new TestServer({});
    const inboundId = server.receive(voteFrom({ term: 2, last: [1, 1] }));
    expect(server.replyTo(inboundId)).toBeUndefined();
    server.sync();
    expect(server.replyTo(inboundId)).toMatchObject({ granted: true });
    expect(server.ask(voteFrom({ term: 2, from: "n3", last: [1, 1] }))).toMatchObject({ granted: false });
    expect(server.ask(voteFrom({ term: 2, last: [1, 1] }))).toMatchObject({ granted: true });
  });

  test("a restarted server keeps its vote", () => {
    const server = new TestServer({ hardState: { term: 2, votedFor: "n3:8300" } });
    expect(server.ask(voteFrom({ term: 2, last: [1, 1] }))).toMatchObject({ granted: false });
    expect(server.ask(voteFrom({ term: 2, from: "n3", last: [1, 1] }))).toMatchObject({ granted: true });
  });

  test("a candidate that hears a leader of its term follows it", () => {
    const server = new TestServer({ options: { preVote: false } });
    server.pass(2_000);
    server.sync();
    server.ask(appendFrom({ term: 2 }));
    expect(server.core.status()).toMatchObject({ role: "follower", leader: { id: "n2" } });
  });

  test("a sole voter leads as soon as its vote is on disk, and commits with its disk alone", () => {
    const server = new TestServer({ members: ["n1"] });
    server.sync();
    expect(server.core.status()).toMatchObject({ role: "leader", term: term(2) });
    server.sync();
    server.propose(7);
    expect(server.applied.map((e) => Number(e.index))).toEqual([1, 2]);
    server.sync();
    expect(server.applied.map((e) => Number(e.index))).toEqual([1, 2, 3]);
  });

  test("neither a nonvoter nor a server without configuration stands", () => {
    for (const members of [["n1?", "n2"], ["n2", "n3"], []]) {
      const server = new TestServer({ members });
      for (let turn = 0; turn < 5; turn += 1) server.pass(2_000);
      expect(server.core.status().role).toBe("follower");
    }
  });
});

describe("§3.5 log replication", () => {
  test("entries attach only where the entry before them matches", () => {
    const server = new TestServer({ terms: [1, 2] });
    const refused = { success: false, noRetryBackoff: true, lastLog: 3 };
    expect(server.ask(appendFrom({ term: 3, previous: [3, 3], terms: [3] }))).toMatchObject(refused);
    expect(server.ask(appendFrom({ term: 3, previous: [5, 2], terms: [3] }))).toMatchObject(refused);
    expect(server.ask(appendFrom({ term: 3, previous: [3, 2], terms: [3] }))).toMatchObject({
      success: true,
      lastLog: 3,
    });
    expect(server.termsOfLog()).toEqual([1, 1, 2, 3]);
  });

  test.each([
    { name: "a conflict cuts the rest", had: [1, 2, 2], previous: [2, 1], terms: [3], after: [1, 1, 3] },
    {
      name: "a repeated request cuts nothing",
      had: [1, 2, 2],
      previous: [2, 1],
      terms: [2],
      after: [1, 1, 2, 2],
    },
    {
      name: "an overlap appends what is new",
      had: [1, 2],
      previous: [2, 1],
      terms: [2, 2, 3],
      after: [1, 1, 2, 2, 3],
    },
    {
      name: "no entries cut nothing",
      had: [1, 2, 2],
      previous: [2, 1],
      terms: [] as number[],
      after: [1, 1, 2, 2],
    },
  ])("$name", ({ had, previous, terms, after }) => {
    const server = new TestServer({ terms: had });
    server.ask(appendFrom({ term: 3, previous: [previous[0] ?? 0, previous[1] ?? 0], terms }));
    expect(server.termsOfLog()).toEqual([...after]);
    expect(server.log.lastIndex).toBe(logIndex(after.length));
  });

  test("a follower commits no further than its log is known to match", () => {
    const server = new TestServer({ terms: [1, 2, 2] });
    server.ask(appendFrom({ term: 3, previous: [2, 1], commit: 4 }));
    expect(server.core.status().commitIndex).toBe(logIndex(2));
  });

  test("a heartbeat teaches no commit index and does not wait for the disk", () => {
    const server = new TestServer({ terms: [1] });
    server.receive(appendFrom({ term: 1, previous: [2, 1], terms: [1, 1] }));
    const inboundId = server.receive(appendFrom({ term: 1 }));
    expect(server.replyTo(inboundId)).toMatchObject({ success: true, lastLog: 4 });
    expect(server.core.status().commitIndex).toBe(logIndex(0));
  });

  test("a leader commits what a majority has on disk, its own counting only when synced", () => {
    const server = new TestServer({ members: ["n1", "n2", "n3"] });
    server.elect();
    server.acknowledge("n2");
    expect(server.core.status().commitIndex).toBe(logIndex(0));
    server.sync();
    expect(server.core.status().commitIndex).toBe(logIndex(2));
  });

  test("two followers commit before the leader's own disk has", () => {
    const server = new TestServer({});
    server.elect();
    server.acknowledge();
    expect(server.core.status()).toMatchObject({ commitIndex: logIndex(2), durableIndex: logIndex(1) });
  });

  test("after a mismatch the leader goes back to the follower's last entry, at most one step further", () => {
    const server = new TestServer({ terms: [1, 1, 1, 1] });
    server.elect();
    const probe = server.takeRequests().find((r) => r.to === n3 && r.lane === "replicate");
    server.answer(probe?.requestId ?? 0, { to: "n3", success: false, lastLog: 2 });
    const next = server.takeRequests().find((r) => r.to === n3 && r.lane === "replicate")?.message;
    expect(next).toMatchObject({ prevLogIndex: 2, prevLogTerm: 1 });
  });

  test("a request without order is refused and changes nothing", () => {
    const server = new TestServer({ terms: [1] });
    const message = appendFrom({ term: 3, previous: [2, 1], terms: [3, 2] });
    expect(server.ask(message)).toMatch(/^refused: entry 4 of term 2/);
    expect(server.termsOfLog()).toEqual([1, 1]);
  });
});

describe("§3.6.1 election restriction", () => {
  test.each([
    { last: [3, 2], granted: true, why: "the same end" },
    { last: [4, 2], granted: true, why: "longer in the same term" },
    { last: [2, 2], granted: false, why: "shorter in the same term" },
    { last: [9, 1], granted: false, why: "longer, but of an older term" },
    { last: [1, 3], granted: true, why: "shorter, but of a newer term" },
  ])("$why", ({ last, granted }) => {
    const message = voteFrom({ term: 4, last: [last[0] ?? 0, last[1] ?? 0] });
    expect(new TestServer({ terms: [1, 2] }).ask(message)).toMatchObject({ granted });
  });
});

test("§3.6.2 entries of an earlier term are committed only under one of the leader's own", () => {
  const server = new TestServer({ terms: [1, 1], options: { appendEntriesMax: 1 } });
  server.elect();
  server.sync();
  const { requestId } = server.takeRequests().filter((r) => r.to === n3 && r.lane === "replicate")[0] ?? {
    requestId: 0,
  };
  server.answer(requestId, { to: "n3", success: false, lastLog: 2 });
  server.acknowledge("n3");
  expect(server.core.status().followers.find((f) => f.id === n3)?.matchIndex).toBe(logIndex(3));
  expect(server.core.status().commitIndex).toBe(logIndex(0));
  server.acknowledge("n3");
  expect(server.core.status().commitIndex).toBe(logIndex(4));
});

describe("§3.10 leadership transfer", () => {
  test("the leader stops accepting, waits for the target, and tells it to stand", () => {
    const server = new TestServer({});
    server.elect();
    server.sync();
    server.step({ kind: "transferLeadership", proposalId: 5, to: n3 });
    expect(server.propose()).toMatchObject({ kind: "refused", reason: "transferInProgress" });
    expect(server.sent.some((o) => o.kind === "request" && o.message.kind === "timeoutNow")).toBe(false);
    server.acknowledge("n3");
    expect(server.takeRequests().find((r) => r.message.kind === "timeoutNow")?.to).toBe(n3);
    server.ask(voteFrom({ term: 3, from: "n3", last: [2, 2], transfer: true }));
    expect(server.core.status()).toMatchObject({ role: "follower", term: term(3), votedFor: "n3:8300" });
    expect(server.outcomes.at(-1)).toEqual({ kind: "transferred", proposalId: 5 });
  });

  test("the target stands at once, without a pre-vote", () => {
    const server = new TestServer({});
    server.ask({ kind: "timeoutNow", header: { protocolVersion } });
    const [request] = server.takeRequests();
    expect(request?.message).toMatchObject({ kind: "requestVote", leadershipTransfer: true, term: 2 });
  });

  test("a target that does not take over in an election timeout leaves things as they were", () => {
    const server = new TestServer({});
    server.elect();
    server.sync();
    server.acknowledge();
    server.step({ kind: "transferLeadership", proposalId: 5 });
    for (let turn = 0; turn < 11; turn += 1) {
      server.pass(100);
      server.acknowledge();
    }
    expect(server.outcomes).toEqual([{ kind: "refused", proposalId: 5, reason: "transferTimedOut" }]);
    expect(server.propose()).toMatchObject({ kind: "proposed" });
  });
});

describe("§4.1 one change at a time", () => {
  const addN4 = { kind: "addVoter", id: "n4" as ServerId, address: "n4:8300" } as const;

  test("none before an entry of the leader's term is committed, and none while one is under way", () => {
    const server = new TestServer({});
    server.elect();
    const change = (): unknown =>
      server.step({ kind: "changeConfiguration", proposalId: 1, change: addN4 }).outcomes[0];
    expect(change()).toMatchObject({ reason: "changePending" });
    server.sync();
    server.acknowledge();
    expect(change()).toMatchObject({ kind: "proposed", firstIndex: 3 });
    expect(server.core.status().configuration).toEqual(configurationOf("n1", "n2", "n3", "n4"));
    expect(change()).toMatchObject({ reason: "changePending" });
  });

  test("a configuration counts when appended and is undone when cut", () => {
    const server = new TestServer({ members: ["n1", "n2"] });
    const entry = {
      ...commandAt(2, 1),
      type: 5,
      data: new TextEncoder().encode(JSON.stringify(configurationOf("n1", "n2", "n3"))),
    };
    server.ask({ ...(appendFrom({ term: 1, previous: [1, 1] }) as object), entries: [entry] } as never);
    expect(server.core.status().configuration.servers).toHaveLength(3);
    server.ask(appendFrom({ term: 2, previous: [1, 1], terms: [2] }));
    expect(server.core.status().configuration.servers).toHaveLength(2);
  });

  test("§4.2.1 a nonvoter gets entries but does not count", () => {
    const server = new TestServer({ members: ["n1", "n2", "n3?"] });
    server.elect();
    server.sync();
    server.acknowledge("n3");
    expect(server.core.status().commitIndex).toBe(logIndex(0));
    server.acknowledge("n2");
    expect(server.core.status().commitIndex).toBe(logIndex(2));
  });

  test("§4.2.2 a leader that removes itself steps down when that is committed, by the others alone", () => {
    const server = new TestServer({});
    server.elect();
    server.sync();
    server.acknowledge();
    server.step({
      kind: "changeConfiguration",
      proposalId: 1,
      change: { kind: "removeServer", id: server.id },
    });
    server.sync();
    server.acknowledge("n2");
    expect(server.core.status()).toMatchObject({ role: "leader", commitIndex: 2 });
    server.acknowledge("n3");
    expect(server.core.status()).toMatchObject({ role: "follower", commitIndex: 3 });
  });

  test("§4.2.2 a server that is removed is told so once, and counts no more", () => {
    const server = new TestServer({});
    server.elect();
    server.sync();
    server.acknowledge();
    server.step({
      kind: "changeConfiguration",
      proposalId: 1,
      change: { kind: "removeServer", id: n3 },
    });
    server.sync();
    expect(server.core.status().configuration.servers.map(({ id }) => id)).not.toContain(n3);
    server.acknowledge("n3");
    expect(server.core.status()).toMatchObject({ role: "leader", commitIndex: 2 });
    server.acknowledge("n2");
    expect(server.core.status()).toMatchObject({ role: "leader", commitIndex: 3 });
  });

  test("§4.2.2 a server that holds the uncommitted entry that removes it may still stand", () => {
    const server = new TestServer({ members: ["n1", "n2"] });
    const data = new TextEncoder().encode(JSON.stringify(configurationOf("n2")));
    server.ask({
      ...(appendFrom({ term: 1, previous: [1, 1] }) as object),
      entries: [{ ...commandAt(2, 1), type: 5, data }],
    } as never);
    server.pass(2_000);
    expect(server.core.status().role).toBe("candidate");
    server.elect();
    server.sync();
    server.acknowledge();
    expect(server.core.status()).toMatchObject({ role: "follower", commitIndex: logIndex(3) });
  });

  test("a vote goes to a candidate that our older configuration does not list, if its log is as new", () => {
    expect(new TestServer({}).ask(voteFrom({ term: 2, from: "n9", last: [5, 1] }))).toMatchObject({
      granted: true,
    });
    const server = new TestServer({ terms: [1] });
    expect(server.ask(voteFrom({ term: 9, from: "n9", last: [1, 1] }))).toMatchObject({
      granted: false,
      term: 1,
    });
  });
});

describe("§5 log compaction", () => {
  const mark: SnapshotMark = {
    index: logIndex(10),
    term: term(3),
    configuration: configurationOf("n1", "n2", "n3"),
    configurationIndex: logIndex(1),
  };
  const install = {
    kind: "installSnapshot",
    header: { protocolVersion, id: "n2" as ServerId, address: "n2:8300" },
    term: term(4),
    leader: "n2:8300",
    lastLogIndex: mark.index,
    lastLogTerm: mark.term,
    configuration: mark.configuration,
    configurationIndex: mark.configurationIndex,
    sizeBytes: 0,
  } as const;

  test("the entry after a snapshot attaches to its end", () => {
    const server = new TestServer({ snapshot: mark });
    expect(server.core.status()).toMatchObject({
      commitIndex: 10,
      appliedIndex: 10,
      lastIndex: 10,
      lastTerm: 3,
    });
    expect(server.ask(appendFrom({ term: 4, previous: [11, 3], terms: [4] }))).toMatchObject({
      success: false,
    });
    expect(server.ask(appendFrom({ term: 4, previous: [10, 3], terms: [4] }))).toMatchObject({
      success: true,
    });
  });

  test("a snapshot replaces a log that it does not fit", () => {
    const server = new TestServer({ terms: [1, 1, 2] });
    const inboundId = server.receive(install);
    expect(server.effects.receiveSnapshot).toHaveLength(1);
    server.step({ kind: "snapshotReceived", inboundId, ok: true });
    expect(server.effects.installSnapshot).toEqual(mark);
    expect(server.effects.write).toMatchObject({ restartAfter: 10 });
    server.sync();
    expect(server.replyTo(inboundId)).toMatchObject({ success: true });
    expect(server.core.status()).toMatchObject({
      firstIndex: 11,
      lastIndex: 10,
      commitIndex: 10,
      appliedIndex: 10,
    });
  });

  test("a snapshot that fits keeps the entries behind it", () => {
    const server = new TestServer({ terms: [1, 1, 1, 1, 1, 1, 1, 1, 3, 3] });
    const inboundId = server.receive(install);
    server.step({ kind: "snapshotReceived", inboundId, ok: true });
    expect(server.core.status()).toMatchObject({ firstIndex: 1, lastIndex: 11, appliedIndex: 10 });
  });

  test("a log that a crash left behind an installed snapshot starts anew", () => {
    const log = new TestLog();
    log.write({ restartAfter: undefined, truncateFrom: undefined, entries: commands(1, 1, 2) });
    const torn = new TestServer({ snapshot: mark, log });
    expect(torn.effects.write).toMatchObject({ restartAfter: 10, entries: [], hardState: { term: 3 } });
    expect(torn.core.status()).toMatchObject({ firstIndex: 11, lastIndex: 10, lastTerm: 3 });
  });

  test("a leader sends its snapshot to a follower whose next entry is gone", () => {
    const server = new TestServer({ snapshot: mark, terms: [3, 3] });
    server.elect();
    const probe = server.takeRequests().find((r) => r.to === n3 && r.lane === "replicate");
    const effects = server.answer(probe?.requestId ?? 0, { to: "n3", success: false, lastLog: 2 });
    expect(effects.sendSnapshot).toMatchObject([{ to: "n3", message: { lastLogIndex: 10, lastLogTerm: 3 } }]);
  });

  test("a snapshot lets go of the log but for the trailing entries", () => {
    const server = new TestServer({ members: ["n1"], options: { trailingLogs: 2 } });
    server.sync();
    server.sync();
    server.propose(1, 2, 3, 4, 5);
    server.sync();
    const own = server.core.snapshotMark();
    expect(own).toMatchObject({ index: 7, term: 2, configurationIndex: 1 });
    if (own !== undefined) server.step({ kind: "snapshotTaken", snapshot: own });
    expect(server.effects.compactThrough).toBe(logIndex(5));
    expect(server.core.status()).toMatchObject({ firstIndex: 6, lastIndex: 7, snapshotIndex: 7 });
  });
});

describe("§6.2 and §6.4 lease and reads", () => {
  test("a leader that hears no quorum steps down when its lease ends", () => {
    const server = new TestServer({});
    server.elect();
    server.pass(500);
    expect(server.core.status().role).toBe("leader");
    server.pass(1);
    expect(server.core.status()).toMatchObject({ role: "follower", leader: undefined });
    expect(server.effects.lostFrom).toBe(logIndex(1));
  });

  test("a read waits for a round of heartbeats that began after it", () => {
    const server = new TestServer({});
    server.elect();
    server.sync();
    server.acknowledge();
    server.step({ kind: "verifyLeader", proposalId: 1 });
    server.step({ kind: "verifyLeader", proposalId: 2 });
    expect(server.outcomes).toEqual([]);
    server.acknowledge("n2");
    expect(server.outcomes).toEqual([{ kind: "verified", proposalId: 1, readIndex: logIndex(2) }]);
    server.acknowledge("n2");
    expect(server.outcomes.at(-1)).toEqual({ kind: "verified", proposalId: 2, readIndex: logIndex(2) });
  });

  test("a new leader proves no read before its first entry is committed", () => {
    const server = new TestServer({ terms: [1] });
    server.elect();
    server.takeRequests();
    server.step({ kind: "verifyLeader", proposalId: 1 });
    for (const { requestId, to, lane } of server.takeRequests()) {
      if (lane === "heartbeat") server.answer(requestId, { to, success: true });
    }
    expect(server.outcomes).toEqual([]);
  });

  test("reads are refused when leadership ends, and by those who do not lead", () => {
    const server = new TestServer({});
    server.elect();
    server.step({ kind: "verifyLeader", proposalId: 1 });
    server.ask(appendFrom({ term: 8 }));
    server.step({ kind: "verifyLeader", proposalId: 2 });
    expect(server.outcomes).toEqual([
      { kind: "refused", proposalId: 1, reason: "leadershipLost" },
      { kind: "refused", proposalId: 2, reason: "notLeader" },
    ]);
  });
});

describe("§9.6 pre-vote", () => {
  test("asks without a new term, and stands when a majority would vote", () => {
    const server = new TestServer({});
    server.pass(2_000);
    const [request] = server.takeRequests();
    expect(request?.message).toMatchObject({ kind: "requestPreVote", term: 2 });
    expect(server.core.status().term).toBe(term(1));
    server.step({ kind: "failed", requestId: request?.requestId ?? 0, remoteError: "unexpected command" });
    expect(server.core.status().term).toBe(term(2));
  });

  test("a lost request is no vote", () => {
    const server = new TestServer({});
    server.pass(2_000);
    for (const { requestId } of server.takeRequests()) server.step({ kind: "failed", requestId });
    expect(server.core.status()).toMatchObject({ role: "candidate", term: 1 });
  });

  test("is refused while a leader is heard, by a newer term, and by a newer log; and changes nothing", () => {
    const server = new TestServer({ terms: [2] });
    expect(server.ask(preVoteFrom({ term: 3, last: [2, 2] }))).toMatchObject({ granted: true, term: 3 });
    expect(server.ask(preVoteFrom({ term: 1, last: [0, 0] }))).toMatchObject({ granted: false });
    expect(server.ask(preVoteFrom({ term: 3, last: [1, 1] }))).toMatchObject({ granted: false });
    server.ask(appendFrom({ term: 2 }));
    expect(server.ask(preVoteFrom({ term: 3, from: "n3", last: [9, 2] }))).toMatchObject({ granted: false });
    expect(server.core.status()).toMatchObject({ term: 2, votedFor: undefined });
  });
});

test("§10.2.1 what arrives while the disk is busy shares the next write", () => {
  const server = new TestServer({ members: ["n1"] });
  server.sync();
  server.sync();
  const propose = (proposalId: number) =>
    ({ kind: "propose", proposalId, entries: [{ type: 0, data: Uint8Array.of(1) }] }) as const;
  const effects = server.step(propose(1), propose(2), propose(3));
  expect(effects.write?.entries.map((e) => Number(e.index))).toEqual([3, 4, 5]);
});

test("peers whose protocol version does not fit are refused in the reference's words", () => {
  const server = new TestServer({});
  const message = { kind: "timeoutNow", header: { protocolVersion: 1 } } as const;
  expect(server.ask(message)).toBe("operation not supported with current protocol version");
});

function commandAt(index: number, inTerm: number) {
  return { index: logIndex(index), term: term(inTerm), type: 0, data: Uint8Array.of(index) };
}

describe("a user's snapshot (hashicorp/raft, restoreUserSnapshot)", () => {
  const leading = (): TestServer => {
    const server = new TestServer({ members: ["n1"], terms: [1, 1] });
    server.elect();
    server.sync();
    return server;
  };
  const plan = (server: TestServer, proposalId: number, index = 0): SnapshotMark => {
    server.step({ kind: "planRestore", proposalId, index: logIndex(index) });
    const outcome = server.outcomes.find((one) => one.proposalId === proposalId);
    if (outcome?.kind !== "restorePlanned") throw new Error(`not planned: ${JSON.stringify(outcome)}`);
    return outcome.mark;
  };

  test.each([
    { archive: 0, gap: 1 },
    { archive: 900, gap: 901 },
  ])("stands behind the log and behind its own index $archive", ({ archive, gap }) => {
    const server = leading();
    const last = server.core.status().lastIndex;
    const mark = plan(server, 77, archive);
    expect(Number(mark.index)).toBe(archive === 0 ? last + gap : gap);
    expect(mark).toMatchObject({ term: server.core.status().term, configurationIndex: 1 });
  });

  test("nothing is appended while it is stored, and all goes on when it cannot be", () => {
    const server = leading();
    plan(server, 77);
    const proposal = { type: 0, data: Uint8Array.of(1) };
    server.step({ kind: "propose", proposalId: 78, entries: [proposal] });
    server.step({ kind: "planRestore", proposalId: 79, index: logIndex(0) });
    server.step({ kind: "transferLeadership", proposalId: 80 });
    expect(server.outcomes.slice(-3).map((one) => one.kind === "refused" && one.reason)).toEqual([
      "restoreInProgress",
      "restoreInProgress",
      "restoreInProgress",
    ]);
    server.step({ kind: "restoreFailed", proposalId: 77 });
    expect(server.core.isRestoring(77)).toBe(false);
    server.step({ kind: "propose", proposalId: 81, entries: [proposal] });
    expect(server.outcomes.at(-1)).toMatchObject({ kind: "proposed", proposalId: 81 });
  });

  test("taken over, the log begins behind it with an entry of its own", () => {
    const server = leading();
    const { index } = plan(server, 77);
    server.step({ kind: "restored", proposalId: 77 });
    expect(server.outcomes.at(-1)).toMatchObject({ kind: "proposed", proposalId: 77, firstIndex: index + 1 });
    expect(server.core.status()).toMatchObject({
      firstIndex: index + 1,
      lastIndex: index + 1,
      snapshotIndex: index,
      configurationIndex: 1,
    });
    server.sync();
    expect(server.core.status()).toMatchObject({ commitIndex: index + 1, appliedIndex: index + 1 });
  });

  test("the plan ends with the leadership", () => {
    const server = leading();
    plan(server, 77);
    server.ask(appendFrom({ term: 9 }));
    expect(server.core.isRestoring(77)).toBe(false);
    server.step({ kind: "restoreFailed", proposalId: 77 });
  });

  test("a leader that contradicts it is refused, so that states cannot drift apart unseen", () => {
    const server = leading();
    const { index } = plan(server, 77);
    server.step({ kind: "restored", proposalId: 77 });
    expect(server.ask(appendFrom({ term: 9, previous: [index - 1, 1], terms: [9] }))).toBe(
      `refused: entry ${index}, where our committed log has another term`,
    );
    expect(server.core.status()).toMatchObject({ role: "leader", snapshotIndex: index });
  });
});
