import { describe, expect, test } from "bun:test";
import { NoLeaderError, type ConsensusStatus } from "../lib/consensus.ts";
import { byteString } from "../lib/byte-string.ts";
import { silentLog } from "../lib/log.ts";
import { MemoryNet } from "../lib/memory-net.ts";
import { noMetrics } from "../lib/metrics.ts";
import { Fsm } from "../fsm/fsm.ts";
import { kvCommands, kvSnapshotPart } from "../fsm/kv-commands.ts";
import { refusalError } from "../raft/node/refusal.ts";
import { LeaderForwarder } from "../rpc/leader-forwarder.ts";
import { RpcDoor } from "../rpc/rpc-door.ts";
import { RpcPool, serverPoolOptions } from "../rpc/rpc-pool.ts";
import { ManualClock, settled } from "../lib/manual-clock.ts";
import { systemArchiveTools } from "../runtime/archive-tools.ts";
import { StateStore } from "../state/store.ts";
import { RpcConnectionError } from "../wire/rpc/error-text.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { kvsApply, kvsGet, statusLeader } from "../wire/rpc/methods.ts";
import { DCSpecificRequest } from "../wire/structs/common.ts";
import { DirEntry, KeyRequest, KVSRequest } from "../wire/structs/kv.ts";
import { kvEndpoints } from "./kv.ts";
import { Server } from "./server.ts";
import { Snapshots, type SnapshotForwarder } from "./snapshot.ts";
import { statusEndpoints } from "./status.ts";
import { InstantConsensus, testContext } from "./testing.ts";

const timeouts = {
  rpcClientTimeoutMs: 60_000,
  rpcHoldTimeoutMs: 7_000,
  defaultQueryTimeMs: 300_000,
  maxQueryTimeMs: 600_000,
};
const leaderStatus = { role: "leader", leaderId: "id-leader", leaderAddress: "10.0.0.1:8300" } as const;
const followerStatus = { ...leaderStatus, role: "follower", lastContactMs: 12 } as const;
const leaderless = {
  role: "follower",
  leaderId: undefined,
  leaderAddress: undefined,
  lastContactMs: undefined,
} as const;

/** Commits at once; what it says of leadership is up to the test. */
class RoleConsensus extends InstantConsensus {
  role: Partial<ConsensusStatus> = leaderStatus;
  /** What becomes of proposals, if not what they should. */
  failure: Error | undefined;
  #listener: ((leading: boolean, term: number) => void) | undefined;

  override status(): ConsensusStatus {
    return { ...super.status(), ...this.role };
  }

  override propose(command: Uint8Array): Promise<unknown> {
    return this.failure === undefined ? super.propose(command) : Promise.reject(this.failure);
  }

  override onLeadership(listener: (leading: boolean, term: number) => void): Disposable {
    this.#listener = listener;
    return super.onLeadership(() => listener(this.role.role === "leader", 2));
  }

  become(role: Partial<ConsensusStatus>): void {
    this.role = role;
    this.#listener?.(role.role === "leader", 3);
  }
}

interface TestServer {
  readonly server: Server;
  readonly consensus: RoleConsensus;
  readonly pool: RpcPool;
  readonly door: RpcDoor;
}

class Cluster {
  readonly network = new MemoryNet();
  readonly clock = new ManualClock();

  async add(host: string, role: Partial<ConsensusStatus>): Promise<TestServer> {
    const { clock } = this;
    const store = new StateStore();
    const consensus = new RoleConsensus(new Fsm(store, kvCommands, [kvSnapshotPart]));
    consensus.role = role;
    const pool = new RpcPool({ net: this.network.host(host), clock }, serverPoolOptions);
    const context = { ...testContext(store, consensus), clock };
    const server = new Server(
      context,
      [...kvEndpoints, ...statusEndpoints],
      new LeaderForwarder({ pool, timeouts }),
    );
    const snapshots = { save: () => Promise.reject(new RpcError("no")), restore: () => Promise.resolve() };
    const door = new RpcDoor({ service: server, snapshots, clock, log: silentLog, metrics: noMetrics });
    await door.listen(this.network.host(host), { host, port: 8300 });
    await settled();
    return { server, consensus, pool, door };
  }
}

const keyOf = (text: string): KeyRequest["Key"] => byteString(Buffer.from(text));
const read = (given: Partial<KeyRequest> = {}): KeyRequest =>
  KeyRequest.make({ Datacenter: "dc1", Key: keyOf("a"), ...given });
const write = (value: string): KVSRequest =>
  KVSRequest.make({
    Datacenter: "dc1",
    Op: "set",
    DirEnt: DirEntry.make({ Key: keyOf("a"), Value: new TextEncoder().encode(value) }),
  });
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => error,
  );

describe("a server that does not lead", () => {
  test("hands reads and writes to the leader, and says of the answer what was asked", async () => {
    const cluster = new Cluster();
    await cluster.add("10.0.0.1", leaderStatus);
    const { server } = await cluster.add("10.0.0.2", followerStatus);
    await server.call(kvsApply, write("one"));
    const reply = await server.call(kvsGet, read({ RequireConsistent: true }));
    expect(reply.Entries?.map(({ Key, Value }) => [Key, Buffer.from(Value ?? []).toString()])).toEqual([
      [keyOf("a"), "one"],
    ]);
    expect(reply).toMatchObject({ KnownLeader: true, LastContact: 0, ConsistencyLevel: "consistent" });
  });

  test("answers stale reads and what concerns itself", async () => {
    const cluster = new Cluster();
    await cluster.add("10.0.0.1", leaderStatus);
    const { server, pool } = await cluster.add("10.0.0.2", followerStatus);
    await server.call(kvsApply, write("one"));
    const reply = await server.call(kvsGet, read({ AllowStale: true }));
    expect(reply).toMatchObject({
      Entries: null,
      KnownLeader: true,
      LastContact: 12e6,
      ConsistencyLevel: "stale",
    });
    expect(await server.call(statusLeader, DCSpecificRequest.make({}))).toBe("10.0.0.1:8300");
    expect(pool.connectionCount).toBe(1);
  });

  test("gives the leader up when the caller is gone", async () => {
    const cluster = new Cluster();
    const leader = await cluster.add("10.0.0.1", leaderStatus);
    const { server } = await cluster.add("10.0.0.2", followerStatus);
    await server.call(kvsApply, write("one"));
    const gone = new AbortController();
    const blocked = failure(server.call(kvsGet, read({ MinQueryIndex: 1000 }), gone.signal));
    await settled();
    const { watches } = leader.server.context.store;
    const waitingBefore = watches.size;
    gone.abort();
    expect(await blocked).toBeInstanceOf(RpcConnectionError);
    await settled();
    expect([waitingBefore, watches.size]).toEqual([1, 0]);
  });

  test("wakes with the leader's change", async () => {
    const cluster = new Cluster();
    await cluster.add("10.0.0.1", leaderStatus);
    const { server } = await cluster.add("10.0.0.2", followerStatus);
    await server.call(kvsApply, write("one"));
    const blocked = server.call(kvsGet, read({ MinQueryIndex: 1 }));
    await server.call(kvsApply, write("two"));
    expect(Buffer.from((await blocked).Entries?.[0]?.Value ?? []).toString()).toBe("two");
  });
});

describe("without a leader", () => {
  test("a call waits for one, also where this server becomes it", async () => {
    const cluster = new Cluster();
    await cluster.add("10.0.0.1", leaderStatus);
    const follower = await cluster.add("10.0.0.2", leaderless);
    const first = follower.server.call(kvsApply, write("one"));
    await settled();
    follower.consensus.become(followerStatus);
    await cluster.clock.pass(1000);
    expect(await first).toBe(true);
    follower.consensus.become(leaderless);
    const second = follower.server.call(kvsGet, read());
    await settled();
    follower.consensus.become(leaderStatus);
    expect((await second).Entries).toBeNull();
  });

  test("it fails when the hold time is over, a stale read too where no leader was ever heard", async () => {
    const cluster = new Cluster();
    const { server } = await cluster.add("10.0.0.2", leaderless);
    for (const AllowStale of [false, true]) {
      const call = failure(server.call(kvsGet, read({ AllowStale })));
      await cluster.clock.pass(7_500);
      expect(await call).toBeInstanceOf(NoLeaderError);
    }
    expect(cluster.clock.timerCount).toBe(0);
  });

  test("a call waits while leadership is handed on", async () => {
    const cluster = new Cluster();
    const next = await cluster.add("10.0.0.1", leaderless);
    const { server, consensus } = await cluster.add("10.0.0.2", leaderStatus);
    consensus.failure = refusalError("transferInProgress");
    const call = server.call(kvsApply, write("one"));
    await cluster.clock.pass(1_000);
    next.consensus.become(leaderStatus);
    consensus.become(followerStatus);
    await cluster.clock.pass(1_000);
    expect(await call).toBe(true);
    expect((await next.server.call(kvsGet, read())).Entries).toHaveLength(1);
  });

  test("what another server held is not held once more", async () => {
    const cluster = new Cluster();
    // It was the leader a moment ago.
    await cluster.add("10.0.0.1", leaderless);
    const { server } = await cluster.add("10.0.0.2", followerStatus);
    const call = failure(server.call(kvsGet, read()));
    await cluster.clock.pass(8_000);
    expect(((await call) as Error).message).toBe("rpc error making call: No cluster leader");
  });

  test("a leader that cannot be reached is tried again, and its successor is asked", async () => {
    const cluster = new Cluster();
    const { server, consensus } = await cluster.add("10.0.0.2", {
      ...followerStatus,
      leaderAddress: "10.0.0.9:8300",
    });
    const call = server.call(kvsApply, write("one"));
    await cluster.clock.pass(3_000);
    await cluster.add("10.0.0.1", leaderStatus);
    consensus.become(followerStatus);
    await cluster.clock.pass(1_000);
    expect(await call).toBe(true);
    consensus.become({ ...followerStatus, leaderAddress: "10.0.0.9:8300" });
    const failed = failure(server.call(kvsApply, write("two")));
    await cluster.clock.pass(7_500);
    expect(((await failed) as Error).message).toStartWith("rpc error getting client: failed to get conn:");
  });

  test("a server that leaves says so at once", async () => {
    const cluster = new Cluster();
    const { server } = await cluster.add("10.0.0.2", leaderless);
    const waiting = failure(server.call(kvsGet, read()));
    await settled();
    server.leave();
    expect(await waiting).toBeInstanceOf(NoLeaderError);
    expect(await failure(server.call(kvsGet, read()))).toBeInstanceOf(NoLeaderError);
  });
});

test("what a leader refuses is not tried again", async () => {
  const cluster = new Cluster();
  await cluster.add("10.0.0.1", leaderStatus);
  const { server } = await cluster.add("10.0.0.2", followerStatus);
  const refused = (await failure(
    server.call(kvsApply, KVSRequest.make({ Datacenter: "dc1", Op: "set" })),
  )) as Error;
  expect(refused.message).toBe("rpc error making call: Must provide key");
  const elsewhere = (await failure(server.call(kvsGet, read({ Datacenter: "dc2" })))) as Error;
  expect(elsewhere.message).toBe("No path to datacenter");
});

describe("snapshots", () => {
  const saved = { archive: Uint8Array.of(1), index: 5, knownLeader: true, lastContactMs: 0 };
  const seen: unknown[] = [];
  const forwarder: SnapshotForwarder = {
    save: (leader, target) => {
      seen.push([leader, target]);
      return Promise.resolve(saved);
    },
    restore: (leader, archive) => {
      seen.push([leader, archive]);
      return Promise.resolve();
    },
  };
  const snapshotsOf = (role: Partial<ConsensusStatus>): Snapshots => {
    const consensus = new RoleConsensus(new Fsm(new StateStore(), [], []));
    consensus.role = role;
    return new Snapshots({
      consensus,
      tools: systemArchiveTools,
      clock: new ManualClock(),
      datacenter: "dc1",
      forwarder,
    });
  };
  const target = { datacenter: "dc1", allowStale: false };

  test("are the leader's, unless a stale one will do", async () => {
    const follower = snapshotsOf(followerStatus);
    expect(await follower.save(target)).toBe(saved);
    await follower.restore(Uint8Array.of(2), target);
    const leader = { id: "id-leader", address: "10.0.0.1:8300" };
    expect(seen).toEqual([
      [leader, target],
      [leader, Uint8Array.of(2)],
    ]);
    expect((await follower.save({ ...target, allowStale: true })).archive.length).toBeGreaterThan(100);
    expect((await snapshotsOf(leaderStatus).save(target)).archive.length).toBeGreaterThan(100);
    expect(seen).toHaveLength(2);
  });

  test("find no leader, no path, and no restore that may be stale", async () => {
    expect(await failure(snapshotsOf(leaderless).save(target))).toBeInstanceOf(NoLeaderError);
    const elsewhere = await failure(snapshotsOf(leaderStatus).save({ ...target, datacenter: "dc2" }));
    expect((elsewhere as Error).message).toBe("No path to datacenter");
    const stale = await failure(
      snapshotsOf(followerStatus).restore(Uint8Array.of(1), { ...target, allowStale: true }),
    );
    expect((stale as Error).message).toBe("stale not allowed for restore");
  });
});
