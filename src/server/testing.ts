/** For tests: a server in memory whose consensus is one member that commits at once. */
import { monotonicMs, wallMs, type Clock } from "../lib/clock.ts";
import type { Consensus, ConsensusServer, ConsensusStatus, StateMachine } from "../lib/consensus.ts";
import { silentLog } from "../lib/log.ts";
import type { MemberPool } from "../lib/members.ts";
import { noMetrics } from "../lib/metrics.ts";
import { soloPool } from "../lib/solo-pool.ts";
import { defaultAutopilotConfig } from "../state/autopilot.ts";
import { Autopilot } from "./autopilot.ts";
import type { ServerContext } from "./context.ts";
import { proposeCoordinates } from "./coordinate-batch.ts";
import type { StateStore } from "../state/store.ts";

/** The one server of a `testContext`. */
export const testServer: ConsensusServer = {
  id: "11111111-0000-4000-8000-000000000001",
  address: "127.0.0.1:8300",
  voter: true,
};

/** Consensus of one: a proposal is applied, from its bytes, before `propose` returns. */
export class InstantConsensus implements Consensus {
  readonly #machine: StateMachine;
  readonly #servers: ConsensusServer[];
  #index = 0;

  constructor(machine: StateMachine, servers: readonly ConsensusServer[] = [testServer]) {
    this.#machine = machine;
    this.#servers = [...servers];
  }

  status(): ConsensusStatus {
    return {
      role: "leader",
      term: 2,
      // A log that was begun is never empty.
      lastIndex: Math.max(1, this.#index),
      lastTerm: 2,
      commitIndex: this.#index,
      appliedIndex: this.#index,
      lastSnapshotIndex: 0,
      lastSnapshotTerm: 0,
      leaderId: testServer.id,
      leaderAddress: testServer.address,
      servers: this.#servers,
      configurationIndex: 1,
      lastContactMs: 0,
    };
  }

  propose(command: Uint8Array): Promise<unknown> {
    this.#index += 1;
    return Promise.resolve(this.#machine.apply(this.#index, command));
  }

  barrier(): Promise<void> {
    return Promise.resolve();
  }

  verifyLeader(): Promise<void> {
    return Promise.resolve();
  }

  onLeadership(listener: (leading: boolean, term: number) => void): Disposable {
    listener(true, 2);
    return { [Symbol.dispose]: () => undefined };
  }

  addServer(server: ConsensusServer): Promise<void> {
    this.#servers.push(server);
    return Promise.resolve();
  }

  removeServer(id: string): Promise<void> {
    this.#servers.splice(
      this.#servers.findIndex((one) => one.id === id),
      1,
    );
    return Promise.resolve();
  }

  transferLeadership(): Promise<void> {
    return Promise.resolve();
  }

  snapshot(): ReturnType<Consensus["snapshot"]> {
    const chunks = [...this.#machine.snapshot()];
    const state = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of chunks) {
      state.set(chunk, at);
      at += chunk.length;
    }
    const { lastIndex: index, term, servers, configurationIndex } = this.status();
    return Promise.resolve({ id: `${term}-${index}-0`, index, term, servers, configurationIndex, state });
  }

  restore(state: Uint8Array): Promise<void> {
    this.#machine.prepare(state)();
    this.#index += 1;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Gossip of one server. */
export const testPool: MemberPool = soloPool({
  name: "server-1",
  address: "127.0.0.1",
  port: 8301,
  tags: {
    role: "consul",
    dc: "dc1",
    id: testServer.id,
    segment: "",
    port: "8300",
    vsn: "2",
    raft_vsn: "3",
    build: "1.16.4:",
    ft_proconsul: "1",
  },
  status: "alive",
  protocolMin: 1,
  protocolMax: 5,
  protocolCur: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegateCur: 4,
});

/** Autopilot of a `testContext`: looks once, on a clock that stands still. */
function testAutopilot(store: StateStore, consensus: Consensus): Autopilot {
  return new Autopilot({
    consensus,
    store,
    pool: testPool,
    clock: { ...stoppedClock, wallMs: () => wallMs(1_699_999_999_500) },
    log: silentLog,
    metrics: noMetrics,
    nodeId: testServer.id,
    initialConfig: defaultAutopilotConfig,
    updateIntervalMs: 2_000,
    raftStats: () => Promise.reject(new Error("there are no other servers")),
    allegianceOf: () => Promise.reject(new Error("there are no other servers")),
    forceLeave: () => Promise.resolve(),
  });
}

/** Time that stands still, with timers that never fire. */
export const stoppedClock: Clock = {
  monotonicMs: () => monotonicMs(0),
  wallMs: () => wallMs(1_700_000_000_000),
  after: () => ({ [Symbol.dispose]: () => undefined }),
};

/** A context around a store and its consensus; duties that tests do not look at do nothing. */
export function testContext(store: StateStore, consensus: Consensus): ServerContext {
  const nothing = (): void => undefined;
  return {
    settings: {
      datacenter: "dc1",
      nodeName: "server-1",
      nodeId: testServer.id,
      defaultQueryTimeMs: 300_000,
      maxQueryTimeMs: 600_000,
      sessionTtlMinMs: 10_000,
      kvValueBytesMax: 512 * 1024,
      rpcHoldTimeoutMs: 7000,
    },
    consensus,
    store,
    clock: stoppedClock,
    log: silentLog,
    metrics: noMetrics,
    random: () => 0,
    uuid: () => "22222222-0000-4000-8000-000000000002",
    lockDelays: { remainingMs: () => 0 },
    sessionTimers: { renew: nothing, forget: nothing },
    tombstoneGc: { hint: nothing },
    autopilot: testAutopilot(store, consensus),
    initialAutopilot: defaultAutopilotConfig,
    pool: testPool,
    // At once, so that tests see what they sent.
    coordinates: { add: (row) => void proposeCoordinates(consensus, [row]) },
  };
}
