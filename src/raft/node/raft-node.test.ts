import { rejection } from "../../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import { LeadershipLostError, NotLeaderError } from "../../lib/consensus.ts";
import { DecodeError } from "../../lib/errors.ts";
import { chunkBytes } from "./chunking.ts";
import { NothingToSnapshotError, RaftRefusedError, RaftShutdownError } from "./refusal.ts";
import { ListMachine, TestCluster, text, until } from "./test-kit.ts";

/** What it rejects with; undefined if it does not. */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("one server", () => {
  test("leads without waiting, applies in order and answers the results", async () => {
    await using cluster = new TestCluster(1);
    const startMs = cluster.clock.monotonicMs();
    const node = await cluster.start();
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThanOrEqual(50);
    const results = await cluster.settled(
      Promise.all(Array.from({ length: 50 }, (_, at) => node.propose(text(`c${at}`), { at }))),
    );
    expect(results).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
    const { machine } = cluster.members[0]!;
    expect(machine.items).toEqual(Array.from({ length: 50 }, (_, at) => `c${at}`));
    expect([...machine.decoded.values()]).toEqual(Array.from({ length: 50 }, (_, at) => ({ at })));
    expect(node.status()).toMatchObject({
      role: "leader",
      term: 2,
      lastContactMs: 0,
      leaderId: "n1",
      servers: cluster.servers,
    } as never);
  });

  test("bootstrapping twice changes nothing", async () => {
    await using cluster = new TestCluster(1);
    const node = await cluster.start();
    expect(await rejection(cluster.settled(node.bootstrap(cluster.servers)))).toThrow("configuration change");
    await node.close();
    const again = await cluster.open(cluster.members[0]!, {
      bootstrap: [{ id: "other", address: "x:1", voter: true }],
    });
    await until(cluster.clock, () => again.status().role === "leader");
    expect(again.status().servers).toEqual(cluster.servers);
  });

  test("a restart replays the log", async () => {
    await using cluster = new TestCluster(1);
    const node = await cluster.start();
    for (let at = 0; at < 20; at += 1) await cluster.settled(node.propose(text(`c${at}`)));
    await node.close();
    const again = await cluster.open(cluster.members[0]!);
    await until(cluster.clock, () => again.status().role === "leader");
    await cluster.settled(again.barrier());
    expect(cluster.members[0]!.machine.items).toHaveLength(20);
    expect(await cluster.settled(again.propose(text("more")))).toBe(21);
  });

  test("a snapshot by threshold trims the log, and a restart begins with it", async () => {
    await using cluster = new TestCluster(1, {
      raft: { trailingLogs: 5 },
      settings: { snapshotIntervalMs: 100, snapshotThreshold: 50 },
    });
    const node = await cluster.start();
    await cluster.settled(Promise.all(Array.from({ length: 100 }, (_, at) => node.propose(text(`c${at}`)))));
    await until(cluster.clock, () => node.status().lastSnapshotIndex > 0, "a snapshot is taken");
    const member = cluster.members[0]!;
    await until(cluster.clock, () => member.store.firstIndex > 90, "the log is trimmed");
    expect(member.store.lastIndex - member.store.firstIndex + 1).toBe(5);
    await cluster.settled(node.propose(text("after")));
    await node.close();
    const again = await cluster.open(member);
    expect(again.status().lastSnapshotIndex).toBeGreaterThan(90);
    await until(cluster.clock, () => again.status().role === "leader");
    await cluster.settled(again.barrier());
    expect(member.machine.items).toHaveLength(101);
    expect(member.machine.items.at(-1)).toBe("after");
    expect(again.status().servers).toEqual(cluster.servers);
  });

  test("another plan for snapshots holds at once", async () => {
    await using cluster = new TestCluster(1, {
      settings: { snapshotIntervalMs: 1e9, snapshotThreshold: 1e9 },
    });
    const node = await cluster.start();
    await cluster.settled(Promise.all(Array.from({ length: 30 }, (_, at) => node.propose(text(`c${at}`)))));
    node.configureSnapshots({ snapshotIntervalMs: 100, snapshotThreshold: 20, trailingLogs: 3 });
    await until(cluster.clock, () => node.status().lastSnapshotIndex > 0, "a snapshot is taken");
    const { store } = cluster.members[0]!;
    await until(cluster.clock, () => store.lastIndex - store.firstIndex + 1 === 3, "the log is trimmed");
  });

  test("a user's snapshot holds what was applied; without news it is the same one", async () => {
    await using cluster = new TestCluster(1);
    const node = await cluster.start();
    await cluster.settled(Promise.all([node.propose(text("a")), node.propose(text("b"))]));
    const first = await cluster.settled(node.snapshot());
    expect(new TextDecoder().decode(first.state)).toBe('["a","b"]');
    expect(first).toMatchObject({
      index: node.status().appliedIndex,
      term: 2,
      servers: cluster.servers,
      configurationIndex: 1,
    } as never);
    expect((await cluster.settled(node.snapshot())).id).toBe(first.id);
    await cluster.settled(node.propose(text("c")));
    expect((await cluster.settled(node.snapshot())).index).toBe(first.index + 1);
  });

  test("there is nothing to keep before the first entry", async () => {
    await using cluster = new TestCluster(1);
    const node = await cluster.open(cluster.members[0]!);
    expect(await rejection(node.snapshot())).toThrow(NothingToSnapshotError);
    expect(await rejection(node.propose(text("x")))).toThrow(NotLeaderError);
    expect(await rejection(cluster.settled(node.verifyLeader()))).toThrow(NotLeaderError);
  });

  test("large commands travel in pieces and are applied as one", async () => {
    await using cluster = new TestCluster(1);
    const node = await cluster.start();
    const large = "x".repeat(2 * chunkBytes + 17);
    const before = node.status().lastIndex;
    expect(await cluster.settled(node.propose(text(large)))).toBe(1);
    expect(node.status().lastIndex - before).toBe(3);
    expect(cluster.members[0]!.machine.items[0]).toBe(large);
  });

  test("a bug in the state machine stops the node, and who waits hears of it", async () => {
    await using cluster = new TestCluster(1);
    const node = await cluster.start();
    const heard: boolean[] = [];
    node.onLeadership((leading) => heard.push(leading));
    cluster.members[0]!.machine.apply = () => {
      throw new Error("bug");
    };
    expect(await rejection(cluster.settled(node.propose(text("x"))))).toThrow(RaftShutdownError);
    await until(cluster.clock, () => cluster.failures.length > 0);
    expect(node.status().role).toBe("shutdown");
    expect(heard).toEqual([true, false]);
    expect(await rejection(node.propose(text("y")))).toThrow(RaftShutdownError);
  });

  test("a disk that refuses stops the node before anything is acknowledged", async () => {
    await using cluster = new TestCluster(1);
    const node = await cluster.start();
    cluster.members[0]!.store.commit = () => Promise.reject(new Error("disk full"));
    expect(await rejection(cluster.settled(node.propose(text("x"))))).toThrow(RaftShutdownError);
    await until(cluster.clock, () => cluster.failures.length > 0);
    expect(cluster.members[0]!.machine.items).toEqual([]);
  });
});

describe("three servers", () => {
  test("elect, replicate and agree", async () => {
    await using cluster = new TestCluster(3);
    const leader = await cluster.start();
    await cluster.settled(
      Promise.all(Array.from({ length: 200 }, (_, at) => leader.propose(text(`c${at}`)))),
    );
    await until(
      cluster.clock,
      () => cluster.members.every(({ machine }) => machine.items.length === 200),
      "all applied",
    );
    for (const { machine } of cluster.members)
      expect(machine.items).toEqual(cluster.members[0]!.machine.items);
    const follower = cluster.others(leader)[0]!.node!;
    expect(follower.status()).toMatchObject({ role: "follower", leaderId: cluster.member(leader).id });
    expect(await rejection(follower.propose(text("x")))).toThrow(NotLeaderError);
    expect(cluster.failures).toEqual([]);
  });

  test("a leader that is cut off loses its proposals, and the others go on", async () => {
    await using cluster = new TestCluster(3);
    const old = await cluster.start();
    await cluster.settled(old.propose(text("before")));
    const heard: boolean[] = [];
    old.onLeadership((leading) => heard.push(leading));
    cluster.network.cut(cluster.member(old).address);
    const lost = old.propose(text("lost"));
    expect(await rejection(cluster.settled(lost))).toThrow(LeadershipLostError);
    await until(cluster.clock, () => old.status().role !== "leader", "the old leader resigns");
    expect(heard).toEqual([true, false]);
    const fresh = await cluster.leader();
    await cluster.settled(fresh.propose(text("after")));
    cluster.network.heal(cluster.member(old).address);
    await until(
      cluster.clock,
      () => cluster.members.every(({ machine }) => machine.items.length === 2),
      "all agree",
    );
    expect(cluster.member(old).machine.items).toEqual(["before", "after"]);
  });

  test("verifying leadership needs a quorum", async () => {
    await using cluster = new TestCluster(3);
    const leader = await cluster.start();
    await cluster.settled(leader.verifyLeader());
    cluster.network.cut(cluster.member(leader).address);
    expect(await rejection(cluster.settled(leader.verifyLeader()))).toThrow(LeadershipLostError);
    await cluster.leader();
  });

  test("a server that missed a trimmed log is sent the snapshot", async () => {
    await using cluster = new TestCluster(3, { raft: { trailingLogs: 0 } });
    const leader = await cluster.start();
    const late = cluster.others(leader)[0]!;
    cluster.network.cut(late.address);
    await cluster.settled(
      Promise.all(Array.from({ length: 100 }, (_, at) => leader.propose(text(`c${at}`)))),
    );
    await cluster.settled(leader.snapshot());
    await until(cluster.clock, () => cluster.member(leader).store.firstIndex > 50, "the log is trimmed");
    await cluster.settled(leader.propose(text("tail")));
    cluster.network.heal(late.address);
    await until(cluster.clock, () => late.machine.items.length === 101, "the late one has caught up");
    expect(late.machine.items).toEqual(cluster.member(leader).machine.items);
    expect(late.node!.status().lastSnapshotIndex).toBe(leader.status().lastSnapshotIndex);
    await late.node!.close();
    await cluster.open(late);
    expect(late.machine.items).toHaveLength(100);
    expect(cluster.failures).toEqual([]);
  });

  test("leadership is handed over on request", async () => {
    await using cluster = new TestCluster(3);
    const leader = await cluster.start();
    const heir = cluster.others(leader)[1]!;
    await cluster.settled(leader.transferLeadership(heir.id));
    await until(cluster.clock, () => heir.node!.status().role === "leader");
    expect(await rejection(cluster.settled(heir.node!.transferLeadership("nobody")))).toThrow(
      "cannot find peer",
    );
    await cluster.settled(heir.node!.barrier());
  });

  test("servers join, are promoted and leave", async () => {
    await using cluster = new TestCluster(2);
    const leader = await cluster.start();
    const joiner = cluster.add("n3");
    await cluster.open(joiner);
    await cluster.settled(leader.propose(text("early")));
    const server = { id: joiner.id, address: joiner.address };
    await cluster.settled(leader.addServer({ ...server, voter: false }));
    await until(cluster.clock, () => joiner.machine.items.length === 1, "the joiner has caught up");
    // Two changes at once: the second waits for the first.
    await cluster.settled(
      Promise.all([leader.addServer({ ...server, voter: true }), leader.demoteServer(joiner.id)]),
    );
    expect(leader.status().servers).toContainEqual({ ...server, voter: false });
    await cluster.settled(leader.removeServer(joiner.id));
    expect(leader.status().servers.map(({ id }) => id)).toEqual(["n1", "n2"]);
  });

  test("a user's archive replaces the state everywhere; one that cannot be read changes nothing", async () => {
    await using cluster = new TestCluster(3);
    const leader = await cluster.start();
    await cluster.settled(leader.propose(text("old")));
    const large = JSON.stringify(["new", "y".repeat(3 * chunkBytes)]);
    await cluster.settled(leader.restore(text(large)));
    await until(
      cluster.clock,
      () => cluster.members.every(({ machine }) => machine.items[0] === "new"),
      "all restored",
    );
    expect(await rejection(cluster.settled(leader.restore(text("{garbage"))))).toThrow(DecodeError);
    expect(await cluster.settled(leader.propose(text("later")))).toBe(3);
    const snapshot = await cluster.settled(leader.snapshot());
    expect(JSON.parse(new TextDecoder().decode(snapshot.state))).toHaveLength(3);
    expect(cluster.failures).toEqual([]);
  });

  test("a restored archive leaves a gap behind its own index, and every server has the snapshot", async () => {
    await using cluster = new TestCluster(3);
    const leader = await cluster.start();
    await cluster.settled(Promise.all(["a", "b", "c"].map((word) => leader.propose(text(word)))));
    await cluster.settled(leader.restore(text('["x"]'), 5_000));
    expect(await cluster.settled(leader.propose(text("y")))).toBe(2);
    await until(
      cluster.clock,
      () => cluster.members.every(({ machine }) => machine.items.join() === "x,y"),
      "all restored",
    );
    for (const { node, store } of cluster.members) {
      expect(node!.status()).toMatchObject({ lastSnapshotIndex: 5_001, lastIndex: 5_003 });
      expect(Number(store.firstIndex)).toBe(5_002);
    }
    // It survives a restart of all.
    for (const { node } of cluster.members) await node!.close();
    for (const member of cluster.members) await cluster.open(member);
    await cluster.settled((await cluster.leader()).propose(text("z")));
    await until(
      cluster.clock,
      () => cluster.members.every(({ machine }) => machine.items.join() === "x,y,z"),
      "all are back",
    );
    expect(cluster.failures).toEqual([]);
  });

  test("a server that was away during a restore is sent the snapshot", async () => {
    await using cluster = new TestCluster(3);
    const leader = await cluster.start();
    await cluster.settled(leader.propose(text("a")));
    const away = cluster.others(leader)[0]!;
    cluster.network.cut(away.address);
    await cluster.settled(leader.restore(text('["x"]')));
    cluster.network.heal(away.address);
    await until(cluster.clock, () => away.machine.items.join() === "x", "it has the new state");
    expect(cluster.failures).toEqual([]);
  });

  test("a restore without a quorum ends with the leadership and is not acknowledged", async () => {
    await using cluster = new TestCluster(3);
    const leader = await cluster.start();
    await cluster.settled(leader.propose(text("a")));
    const own = cluster.member(leader);
    const restoring = leader.restore(text('["x"]'));
    for (const other of cluster.others(leader)) cluster.network.cut(other.address);
    expect(await failureOf(cluster.settled(restoring))).toBeInstanceOf(LeadershipLostError);
    await until(cluster.clock, () => leader.status().role !== "leader", "it steps down");
    expect((await own.snapshots.newest())?.index ?? 0).toBeLessThan(3);
  });

  test("proposals wait for nobody while an archive is stored, and go on behind it", async () => {
    await using cluster = new TestCluster(1);
    const leader = await cluster.start();
    await cluster.settled(leader.propose(text("a")));
    const own = cluster.member(leader);
    const gate = Promise.withResolvers<void>();
    const write = own.snapshots.write.bind(own.snapshots);
    own.snapshots.write = async (mark, chunks) => {
      await gate.promise;
      return write(mark, chunks);
    };
    const restoring = leader.restore(text('["x"]'));
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(String(await failureOf(leader.propose(text("b"))))).toContain("a snapshot is being restored");
    expect(await failureOf(cluster.settled(leader.restore(text('["y"]'))))).toBeInstanceOf(RaftRefusedError);
    gate.resolve();
    await cluster.settled(restoring);
    expect(await cluster.settled(leader.propose(text("c")))).toBe(2);
    expect(own.machine.items).toEqual(["x", "c"]);
  });

  test("an archive that cannot be stored changes nothing", async () => {
    await using cluster = new TestCluster(1);
    const leader = await cluster.start();
    await cluster.settled(leader.propose(text("a")));
    const own = cluster.member(leader);
    own.snapshots.write = () => Promise.reject(new Error("disk full"));
    expect(String(await failureOf(cluster.settled(leader.restore(text('["x"]')))))).toContain("disk full");
    expect(await cluster.settled(leader.propose(text("b")))).toBe(2);
    expect(await own.snapshots.newest()).toBeUndefined();
  });

  test("a follower that restarts on an idle cluster catches up without a new entry", async () => {
    await using cluster = new TestCluster(3);
    const leader = await cluster.start();
    await cluster.settled(Promise.all(Array.from({ length: 20 }, (_, at) => leader.propose(text(`c${at}`)))));
    const member = cluster.others(leader)[0]!;
    await member.node!.close();
    await cluster.open(member);
    await until(cluster.clock, () => member.machine.items.length === 20, "it has caught up");
    expect(leader.status().role).toBe("leader");
  });

  test("all restart at once and remember", async () => {
    await using cluster = new TestCluster(3);
    const leader = await cluster.start();
    await cluster.settled(Promise.all(Array.from({ length: 30 }, (_, at) => leader.propose(text(`c${at}`)))));
    for (const { node } of cluster.members) await node!.close();
    for (const member of cluster.members) await cluster.open(member);
    const next = await cluster.leader();
    await cluster.settled(next.barrier());
    expect(cluster.member(next).machine.items).toHaveLength(30);
  });
});

test("a log that does not reach the newest whole snapshot is not started from", async () => {
  await using cluster = new TestCluster(1, { raft: { trailingLogs: 0 } });
  const node = await cluster.start();
  const member = cluster.members[0]!;
  await cluster.settled(Promise.all(Array.from({ length: 20 }, (_, at) => node.propose(text(`c${at}`)))));
  await cluster.settled(node.snapshot());
  await until(cluster.clock, () => member.store.firstIndex > 1, "the log is trimmed");
  await node.close();
  member.snapshots.newest = () => Promise.resolve(undefined);
  expect(await rejection(cluster.open(member))).toThrow(
    /the log begins at \d+, but the newest snapshot that is whole ends at 0/,
  );
});

test("a disk that refuses the first configuration fails the bootstrap", async () => {
  await using cluster = new TestCluster(1);
  const member = cluster.members[0]!;
  member.store.commit = () => Promise.reject(new Error("disk full"));
  expect(await rejection(cluster.open(member, { bootstrap: cluster.servers }))).toThrow(RaftShutdownError);
  await until(cluster.clock, () => cluster.failures.length === 1);
});

test("closing rejects who waits and lets the same stores be opened again", async () => {
  await using cluster = new TestCluster(1);
  const node = await cluster.start();
  const waiting = node.propose(text("x"));
  waiting.catch(() => undefined);
  await node.close();
  expect(await rejection(waiting)).toThrow(RaftShutdownError);
  expect(node.status().role).toBe("shutdown");
  await node.close();
});

test("the machine's slices leave room for others", async () => {
  await using cluster = new TestCluster(1);
  const node = await cluster.start();
  const { machine } = cluster.members[0]!;
  // Each command takes 3 ms: a slice of 8 ms holds three of them.
  machine.apply = (index, command) => {
    cluster.clock.advance(3);
    return ListMachine.prototype.apply.call(machine, index, command);
  };
  const sizes: number[] = [];
  let seen = 0;
  const all = Promise.all(Array.from({ length: 30 }, (_, at) => node.propose(text(`c${at}`))));
  while (machine.items.length < 30) {
    await new Promise((resolve) => setImmediate(resolve));
    if (machine.items.length > seen) sizes.push(machine.items.length - seen);
    seen = machine.items.length;
  }
  await all;
  expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
});
