/** Several servers in one process: real consensus on a memory network, gossip faked, time moved by hand. */
import { afterEach, describe, expect, test } from "bun:test";
import { must } from "../lib/assert.ts";
import type { Consensus, ConsensusServer } from "../lib/consensus.ts";
import { silentLog } from "../lib/log.ts";
import type { Member, MemberEvent, MemberEventKind, MemberPool, MemberStatus } from "../lib/members.ts";
import { noMetrics } from "../lib/metrics.ts";
import { seededRng } from "../lib/rng.ts";
import { autopilotCommands } from "../fsm/autopilot-commands.ts";
import { catalogCommands, catalogSnapshotPart } from "../fsm/catalog-commands.ts";
import { Fsm } from "../fsm/fsm.ts";
import { defaultRaftOptions } from "../raft/core/options.ts";
import { MemoryLogStore } from "../raft/node/memory-log-store.ts";
import { MemorySnapshotStore } from "../raft/node/memory-snapshot-store.ts";
import { MemoryNetwork } from "../raft/node/memory-transport.ts";
import { openRaftNode, type RaftNode } from "../raft/node/raft-node.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { settled, until } from "../raft/node/test-kit.ts";
import { defaultAutopilotConfig, getAutopilotConfig } from "../state/autopilot.ts";
import { getCheck, getNode, getService } from "../state/catalog.ts";
import { StateStore } from "../state/store.ts";
import { initializeAutopilot } from "./autopilot-config.ts";
import { Autopilot } from "./autopilot.ts";
import { runLeaderDuties } from "./leader-duties.ts";
import { leaveServer } from "./leader-leave.ts";
import { Reconciler } from "./leader-reconciler.ts";
import { raftStatsOf } from "./raft-stats.ts";

const updateIntervalMs = 2_000;

/** Gossip that every server believes at once. */
class Gossip {
  readonly #members = new Map<string, Member>();
  readonly #listeners = new Set<(event: MemberEvent) => void>();

  set(kind: MemberEventKind, name: string, over: Partial<Member> = {}): void {
    const before = this.#members.get(name) ?? newMember(name);
    const member = { ...before, ...over };
    if (kind === "reap") this.#members.delete(name);
    else this.#members.set(name, member);
    for (const listener of this.#listeners) listener({ kind, member });
  }

  join(name: string, over: Partial<Member> = {}): void {
    this.set("join", name, { status: "alive", ...over });
  }

  is(name: string, status: MemberStatus): boolean {
    return this.#members.get(name)?.status === status;
  }

  poolOf(name: string): MemberPool {
    return {
      members: () => [...this.#members.values()],
      localMember: () => must(this.#members.get(name), "the server has joined"),
      onMember: (listener) => {
        this.#listeners.add(listener);
        return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
      },
    };
  }
}

function newMember(name: string): Member {
  return {
    name,
    address: "10.0.0.1",
    port: 8301,
    tags: {
      role: "consul",
      dc: "dc1",
      id: `id-${name}`,
      segment: "",
      port: name.slice(1),
      vsn: "2",
      raft_vsn: "3",
      build: "1.16.4:",
    },
    status: "alive",
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  };
}

const client = (): Partial<Member> => ({
  tags: { role: "node", dc: "dc1", id: "id-client", build: "1.16.4:" },
});

interface TestServer {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly consensus: RaftNode;
  readonly store: StateStore;
  readonly autopilot: Autopilot;
  stop(): Promise<void>;
}

class Cluster {
  readonly clock = new ManualClock();
  readonly gossip = new Gossip();
  readonly network = new MemoryNetwork();
  readonly servers: TestServer[] = [];
  readonly announced: string[] = [];

  async add(name: string, bootstrap?: readonly ConsensusServer[]): Promise<TestServer> {
    const store = new StateStore();
    const address = addressOf(name);
    const consensus = await openRaftNode(
      {
        machine: new Fsm(store, [...catalogCommands, ...autopilotCommands], [catalogSnapshotPart]),
        store: new MemoryLogStore(),
        snapshots: new MemorySnapshotStore(this.clock),
        transport: this.network.connect(address),
        clock: this.clock,
        rng: seededRng(this.servers.length + 1),
        log: silentLog,
        metrics: noMetrics,
        defer: (run) => void setImmediate(run),
      },
      {
        id: `id-${name}`,
        address,
        raft: defaultRaftOptions,
        ...(bootstrap === undefined ? {} : { bootstrap }),
        onFailed: (error) => {
          throw error;
        },
      },
    );
    const server = this.#assemble(name, consensus, store);
    this.servers.push(server);
    // Last, so that who hears of it can ask it.
    this.gossip.join(name);
    return server;
  }

  #assemble(name: string, consensus: RaftNode, store: StateStore): TestServer {
    const { clock, gossip } = this;
    const pool = gossip.poolOf(name);
    const shared = { consensus, store, pool, clock, log: silentLog, metrics: noMetrics };
    const autopilot = new Autopilot({
      ...shared,
      nodeId: `id-${name}`,
      initialConfig: defaultAutopilotConfig,
      updateIntervalMs,
      raftStats: async ({ id }) => {
        const other = this.servers.find((one) => one.id === id);
        if (other === undefined || gossip.is(other.name, "failed")) throw new Error("connection refused");
        return raftStatsOf(other.consensus.status());
      },
      allegianceOf: async ({ id }) => {
        const other = this.servers.find((one) => one.id === id);
        if (other === undefined) throw new Error("connection refused");
        const { leaderAddress, servers } = other.consensus.status();
        return { leader: leaderAddress ?? "", peers: servers.map(({ address }) => address) };
      },
      forceLeave: async (failed) => gossip.set("leave", failed, { status: "left" }),
    });
    const duties = runLeaderDuties({
      ...shared,
      reconciler: new Reconciler({ ...shared, autopilot, datacenter: "dc1", nodeName: name }),
      announce: () => this.announced.push(name),
      establish: async () => {
        await initializeAutopilot({ consensus, store }, defaultAutopilotConfig);
        autopilot.enableReconciliation();
      },
      revoke: () => autopilot.disableReconciliation(),
    });
    return {
      name,
      id: `id-${name}`,
      address: addressOf(name),
      consensus,
      store,
      autopilot,
      stop: async () => {
        duties[Symbol.dispose]();
        autopilot[Symbol.dispose]();
        await consensus.close();
      },
    };
  }

  /** Servers that begin together, with the first leader ready. */
  async start(...names: readonly string[]): Promise<TestServer> {
    const bootstrap = names.map((name) => ({ id: `id-${name}`, address: addressOf(name), voter: true }));
    for (const name of names) await this.add(name, bootstrap);
    await this.until(() => this.leading() !== undefined, "somebody leads");
    const leader = must(this.leading(), "somebody leads");
    await this.until(() => this.passing(leader, ...names), "all are registered");
    return leader;
  }

  leading(): TestServer | undefined {
    return this.servers.find(({ consensus }) => isLeading(consensus));
  }

  passing({ store }: TestServer, ...names: readonly string[]): boolean {
    return names.every((name) => getCheck(store, name, "serfHealth")?.Status === "passing");
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return until(this.clock, condition, what);
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + ms;
    await this.until(() => this.clock.monotonicMs() >= endMs, "time passes");
  }

  /** As a process that is killed. */
  async kill(server: TestServer): Promise<void> {
    this.network.cut(server.address);
    await server.stop();
    this.servers.splice(this.servers.indexOf(server), 1);
    this.gossip.set("failed", server.name, { status: "failed" });
  }
}

function addressOf(name: string): string {
  return `10.0.0.1:${name.slice(1)}`;
}

function isLeading(consensus: Consensus): boolean {
  return consensus.status().role === "leader";
}

const votersOf = ({ consensus }: TestServer): string[] =>
  consensus
    .status()
    .servers.filter(({ voter }) => voter)
    .map(({ id }) => id)
    .sort();
const idsOf = ({ consensus }: TestServer): string[] =>
  consensus
    .status()
    .servers.map(({ id }) => id)
    .sort();

let cluster = new Cluster();
afterEach(async () => {
  for (const server of cluster.servers) await server.stop();
  cluster = new Cluster();
});

describe("three servers", () => {
  test("register each other; the first leader writes autopilot's settings", async () => {
    const leader = await cluster.start("n1", "n2", "n3");
    expect(cluster.announced).toEqual([leader.name]);
    expect(getService(leader.store, "n2", "consul")).toMatchObject({ Port: 2, Meta: { raft_version: "3" } });
    expect(getAutopilotConfig(leader.store)?.MaxTrailingLogs).toBe(250);
    const view = await settled(cluster.clock, leader.autopilot.freshView());
    expect(view).toMatchObject({ healthy: true, failureTolerance: 1, leader: leader.id });
    expect(view.voters[0]).toBe(leader.id);
  });

  test("take in a fourth without a vote, and give it one once it was stable for ten seconds", async () => {
    const leader = await cluster.start("n1", "n2", "n3");
    await cluster.pass(15_000);
    const joinedMs = cluster.clock.monotonicMs();
    await cluster.add("n4");
    await cluster.until(() => idsOf(leader).includes("id-n4"), "it is in the configuration");
    expect(votersOf(leader)).toEqual(["id-n1", "id-n2", "id-n3"]);
    await cluster.until(() => cluster.passing(leader, "n4"), "it is in the catalog");
    await cluster.until(() => votersOf(leader).includes("id-n4"), "it has a vote");
    expect(cluster.clock.monotonicMs() - joinedMs).toBeGreaterThanOrEqual(10_000);
    expect(leader.autopilot.view?.servers.get("id-n4")).toMatchObject({ healthy: true, name: "n4" });
  });

  test("do not take in a server of another cluster, and do once it has none", async () => {
    const leader = await cluster.start("n1", "n2", "n3");
    const other = [{ id: "id-n4", address: addressOf("n4"), voter: true }];
    const fourth = await cluster.add("n4", other);
    await cluster.until(() => isLeading(fourth.consensus), "the other cluster has a leader");
    await cluster.pass(40_000);
    expect(idsOf(leader)).toEqual(["id-n1", "id-n2", "id-n3"]);
    expect(idsOf(fourth)).toEqual(["id-n4"]);
    await cluster.kill(fourth);
    cluster.network.heal(fourth.address);
    await cluster.add("n4");
    await cluster.until(() => idsOf(leader).includes("id-n4"), "the emptied server is in the configuration");
  });

  test("see a dead one as failed, then remove it, but never a second", async () => {
    const leader = await cluster.start("n1", "n2", "n3");
    const [first, second] = cluster.servers.filter((one) => one !== leader);
    await cluster.kill(must(first, "there are three"));
    const status = (name: string): string | undefined => getCheck(leader.store, name, "serfHealth")?.Status;
    const { name, id } = must(first, "there are three");
    await cluster.until(() => status(name) === "critical", "it is critical");
    await cluster.until(() => !idsOf(leader).includes(id), "it is out of the configuration");
    await cluster.until(() => getNode(leader.store, name) === undefined, "it is out of the catalog");
    expect(cluster.gossip.is(name, "left")).toBe(true);
    // Of two, one is half: without it nothing can be decided.
    const { name: next, id: nextId } = must(second, "there are three");
    cluster.gossip.set("failed", next, { status: "failed" });
    await cluster.until(() => status(next) === "critical", "the second is critical");
    await cluster.pass(25_000);
    expect(idsOf(leader)).toContain(nextId);
    expect(leader.autopilot.view).toMatchObject({ healthy: false, failureTolerance: 0 });
  });

  test("go on when the leader leaves, and the next leader takes it out", async () => {
    const leader = await cluster.start("n1", "n2", "n3");
    const leaving = leaveServer({
      consensus: leader.consensus,
      clock: cluster.clock,
      log: silentLog,
      nodeId: leader.id,
      leaveLan: async () => cluster.gossip.set("leave", leader.name, { status: "left" }),
      refuseRequests: () => undefined,
      drainMs: 5_000,
    });
    await settled(cluster.clock, leaving);
    await cluster.until(() => {
      const next = cluster.leading();
      return next !== undefined && next !== leader && !idsOf(next).includes(leader.id);
    }, "the next leader has taken it out");
    const next = must(cluster.leading(), "somebody leads");
    await cluster.until(() => getNode(next.store, leader.name) === undefined, "it is out of the catalog");
    expect(cluster.announced).toEqual([leader.name, next.name]);
  });

  test("hand leadership to the server that is asked for", async () => {
    const leader = await cluster.start("n1", "n2", "n3");
    const wanted = must(
      cluster.servers.find((one) => one !== leader),
      "there are others",
    );
    await settled(cluster.clock, leader.consensus.transferLeadership(wanted.id));
    await cluster.until(() => cluster.leading() === wanted, "it leads");
    await cluster.until(() => cluster.announced.length === 2, "it says so");
    expect(cluster.announced).toEqual([leader.name, wanted.name]);
  });

  test("know a server again that comes back with another address", async () => {
    const leader = await cluster.start("n1", "n2", "n3");
    const moved = must(
      cluster.servers.find((one) => one !== leader),
      "there are others",
    );
    cluster.gossip.set("update", moved.name, { address: "10.0.0.9" });
    const address = `10.0.0.9:${moved.name.slice(1)}`;
    await cluster.until(
      () => leader.consensus.status().servers.some((one) => one.id === moved.id && one.address === address),
      "the configuration has the new address",
    );
    expect(votersOf(leader)).toContain(moved.id);
    await cluster.until(
      () => getNode(leader.store, moved.name)?.Address === "10.0.0.9",
      "so has the catalog",
    );
  });
});

test("a server under a new name keeps its place", async () => {
  const leader = await cluster.start("n1", "n2", "n3");
  const old = must(
    cluster.servers.find((one) => one !== leader),
    "there are others",
  );
  const { tags } = cluster.gossip.poolOf(old.name).localMember();
  cluster.gossip.set("failed", old.name, { status: "failed" });
  cluster.gossip.join("renamed", { tags });
  await cluster.until(() => cluster.passing(leader, "renamed"), "the new name is registered");
  cluster.gossip.set("leave", old.name, { status: "left" });
  await cluster.until(() => getNode(leader.store, old.name) === undefined, "the old name is gone");
  await cluster.pass(30_000);
  expect(votersOf(leader)).toContain(old.id);
  expect(leader.autopilot.view?.servers.get(old.id)).toMatchObject({ name: "renamed", healthy: true });
});

test("clients come, fail, come back and go; who is unknown to gossip is reaped", async () => {
  const leader = await cluster.start("n1", "n2", "n3");
  const { gossip } = cluster;
  const status = (): string | undefined => getCheck(leader.store, "web-1", "serfHealth")?.Status;
  gossip.join("web-1", client());
  await cluster.until(() => status() === "passing", "it is passing");
  gossip.set("failed", "web-1", { status: "failed" });
  await cluster.until(() => status() === "critical", "it is critical");
  gossip.join("web-1");
  await cluster.until(() => status() === "passing", "it is passing again");
  gossip.set("leave", "web-1", { status: "left" });
  await cluster.until(() => getNode(leader.store, "web-1") === undefined, "it is gone");

  gossip.join("web-2", client());
  await cluster.until(() => getNode(leader.store, "web-2") !== undefined, "the second is there");
  // Forgotten while nobody led: only the look at all members can tell.
  const next = must(
    cluster.servers.find((one) => one !== leader),
    "there are others",
  );
  await settled(cluster.clock, leader.consensus.transferLeadership(next.id));
  gossip.set("reap", "web-2");
  await cluster.until(() => cluster.leading() !== undefined, "somebody leads");
  await cluster.until(() => getNode(next.store, "web-2") === undefined, "the second is gone");
});
