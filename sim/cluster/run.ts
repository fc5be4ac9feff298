/**
 * One run of the simulated cluster: a seed in, a verdict out.
 *
 * Phase one breaks things and watches safety. Phase two heals everything and demands that gossip, consensus and the
 * catalog come to agree within a bound. Then the histories of the clients are judged.
 */
import type { MemberPool } from "../../src/lib/members.ts";
import type { StateMachine } from "../../src/lib/consensus.ts";
import { seededRng } from "../../src/lib/rng.ts";
import type { StateStore } from "../../src/state/store.ts";
import type { Rules } from "../../src/raft/core/rules.ts";
import { judge } from "../../tools/torture/judge.ts";
import { Violation } from "../raft/checkers.ts";
import { ClusterCheckers, digestOf } from "./checkers.ts";
import { leaderOf, notConverged, notMissed } from "./convergence.ts";
import { Faults } from "./faults.ts";
import { SimHost } from "./host.ts";
import { KvClients } from "./kv-clients.ts";
import { SimNetwork } from "./network.ts";
import { briefPlan, drawClusterPlan, type ClusterPlan } from "./plan.ts";
import { Scheduler } from "./scheduler.ts";
import { stateOf, Watchers } from "./watchers.ts";

/** A bug put in on purpose. */
export interface ClusterMutation {
  readonly raftRules?: Rules;
  readonly plan?: (plan: ClusterPlan) => ClusterPlan;
  readonly pool?: (host: SimHost, pool: MemberPool) => MemberPool;
  readonly machine?: (host: SimHost, machine: StateMachine, store: StateStore) => StateMachine;
  /** Whether a server answers default reads from its own state. */
  readonly answersByItself?: (host: SimHost) => boolean;
}

/** What a run came to. `failure` is undefined when all is well. */
export interface ClusterVerdict {
  readonly seed: number;
  readonly failure: string | undefined;
  readonly plan: ClusterPlan;
  readonly eventCount: number;
  /** How long it lasted, in simulated milliseconds. */
  readonly simulatedMs: number;
  readonly operationCount: number;
  readonly appliedCount: number;
  readonly digestCount: number;
  readonly leaderCount: number;
  readonly leaseReadCount: number;
  /** Replies that watchers got. */
  readonly watchCount: number;
  readonly faults: Readonly<Record<string, number>>;
  /** How long the healed cluster needed, in simulated milliseconds. */
  readonly healMs: number;
}

export interface ClusterRunOptions {
  readonly mutation?: ClusterMutation;
  /** A third of the time and fewer clients: another run, which costs a fraction. */
  readonly brief?: boolean;
  /** Told of every event; changes nothing else. */
  readonly log?: (line: string) => void;
}

const firstLeaderMs = 60_000;
/**
 * Reconnecting to the failed is tried every 30 s, full exchanges and looks of the leader at all members come as
 * seldom, and a server that was removed must be stable before it has a vote again.
 */
const healMsMax = 300_000;
/** Suspicion takes some seconds, an election too; what an event missed, the look at all members finds in a minute. */
const missMsMax = 100_000;
const checkMs = 100;
const watcherCount = 3;
/** A watcher that hangs on a connection which a cut has broken gives it up after 40 s, and asks elsewhere. */
const watchMsMax = 100_000;
const quietMs = 13_000;

/** Runs seed `seed`. */
export function runClusterSeed(seed: number, options: ClusterRunOptions = {}): ClusterVerdict {
  const world = new World(seed, options);
  let failure: string | undefined;
  try {
    world.play();
  } catch (error) {
    // Whatever is thrown, an assertion or a checker's finding, is the verdict on this seed.
    failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (!(error instanceof Violation) && error instanceof Error) failure += `\n${error.stack ?? ""}`;
  }
  return world.verdict(failure);
}

class World {
  readonly #seed: number;
  readonly #plan: ClusterPlan;
  readonly #options: ClusterRunOptions;
  readonly #scheduler = new Scheduler();
  readonly #checkers = new ClusterCheckers();
  readonly #hosts: readonly SimHost[];
  readonly #servers: readonly SimHost[];
  readonly #faults: Faults;
  readonly #clients: KvClients;
  readonly #watchers: Watchers;
  readonly #machines = new Map<SimHost, StateMachine>();
  /** When a leader's gossip last did not have a host as alive. */
  readonly #doubtedMs = new Map<string, number>();
  #failure: Error | undefined;
  #healMs = 0;
  #leaseReadCount = 0;

  constructor(seed: number, options: ClusterRunOptions) {
    this.#seed = seed;
    this.#options = options;
    const rng = seededRng(seed);
    const { mutation } = options;
    const whole = drawClusterPlan(rng.fork("plan"));
    const drawn = options.brief === true ? briefPlan(whole) : whole;
    const plan = mutation?.plan?.(drawn) ?? drawn;
    this.#plan = plan;
    const scheduler = this.#scheduler;
    const network = new SimNetwork(scheduler, plan.network, rng.fork("network"));
    const log = (line: string): void => options.log?.(`${scheduler.nowMs} ${line}`);
    const hostCount = plan.serverCount + plan.agentCount;
    this.#hosts = Array.from(
      { length: hostCount },
      (_, index) =>
        new SimHost(
          {
            scheduler,
            network,
            plan,
            rng: rng.fork("hosts"),
            joinAddresses: Array.from({ length: plan.serverCount }, (_one, at) => `10.0.0.${at + 1}:8301`),
            log,
            isLogged: options.log !== undefined,
            raftRules: mutation?.raftRules,
            peersAreCorrect: true,
            watch: (host, machine, store) => this.#watch(host, machine, store),
            pool: (host, pool) => mutation?.pool?.(host, pool) ?? pool,
            leadership: (host, leading, term) => this.#leadership(host, leading, term),
            failed: (host, error) => this.#failed(host, error),
          },
          index,
          index < plan.serverCount,
        ),
    );
    this.#servers = this.#hosts.filter(({ isServer }) => isServer);
    this.#faults = new Faults({ scheduler, network, hosts: this.#hosts, plan, rng: rng.fork("faults"), log });
    this.#clients = new KvClients({
      scheduler,
      rng: rng.fork("clients"),
      servers: this.#servers,
      count: plan.kvClientCount,
      thinkMs: plan.thinkMs,
      answersByItself: mutation?.answersByItself ?? (() => false),
      log,
    });
    this.#watchers = new Watchers({
      scheduler,
      rng: rng.fork("watchers"),
      servers: this.#servers,
      count: watcherCount,
      failed: (error) => (this.#failure ??= error),
    });
    const starts = rng.fork("starts");
    for (const host of this.#hosts) scheduler.after(starts.below(2_000), undefined, () => host.start());
  }

  play(): void {
    // Some clusters have a hard childhood.
    if (this.#seed % 3 !== 0) this.#wait(firstLeaderMs, () => (this.#leader() ? undefined : "nobody leads"));
    this.#faults.start();
    this.#pass(this.#plan.durationMs);
    this.#options.log?.(`${this.#scheduler.nowMs} HEAL`);
    this.#faults.heal();
    this.#healMs = this.#wait(healMsMax, () => notConverged(this.#hosts, true));
    this.#clients.stop();
    this.#wait(quietMs + healMsMax, () =>
      this.#clients.isIdle ? notConverged(this.#hosts, false) : "clients are busy",
    );
    this.#wait(watchMsMax, () => this.#notWatched());
    if (this.#seed % 2 === 0) this.#loseOne();
    this.#compareStates();
    this.#judge();
  }

  #notWatched(): string | undefined {
    const store = this.#leader()?.store;
    if (store === undefined) return "nobody leads";
    return this.#watchers.notSeen(stateOf([...store.tables.kvs.values()]));
  }

  /** In a cluster that is well, one host dies: the others notice, the catalog says so, and it may come back. */
  #loseOne(): void {
    const rng = seededRng(this.#seed).fork("lost");
    const host = this.#hosts[rng.below(this.#hosts.length)];
    if (host === undefined) return;
    this.#faults.lose(host);
    this.#wait(missMsMax, () => notMissed(host, this.#hosts));
    this.#faults.findAgain(host);
    this.#wait(healMsMax, () => notConverged(this.#hosts, false));
  }

  verdict(failure: string | undefined): ClusterVerdict {
    for (const host of this.#hosts) host.crash(false);
    return {
      seed: this.#seed,
      failure,
      plan: this.#plan,
      eventCount: this.#scheduler.eventCount,
      simulatedMs: this.#scheduler.nowMs,
      operationCount: this.#clients.operations.length,
      appliedCount: this.#checkers.appliedCount,
      digestCount: this.#checkers.digestCount,
      leaderCount: this.#checkers.leaderCount,
      leaseReadCount: this.#leaseReadCount,
      watchCount: this.#watchers.replyCount,
      faults: this.#faults.counts,
      healMs: this.#healMs,
    };
  }

  #leader(): SimHost | undefined {
    return leaderOf(this.#servers);
  }

  #pass(ms: number): void {
    const endMs = this.#scheduler.nowMs + ms;
    while (this.#scheduler.nowMs < endMs) {
      this.#scheduler.run(Math.min(endMs, this.#scheduler.nowMs + checkMs));
      if (this.#failure !== undefined) throw this.#failure;
      this.#look();
    }
  }

  #wait(patienceMs: number, problem: () => string | undefined): number {
    const startMs = this.#scheduler.nowMs;
    for (let left = problem(); left !== undefined; left = problem()) {
      const waitedMs = this.#scheduler.nowMs - startMs;
      if (waitedMs >= patienceMs) throw new Violation(`liveness: after ${waitedMs} ms ${left}`);
      this.#pass(checkMs);
    }
    return this.#scheduler.nowMs - startMs;
  }

  /** What leaders have made of the configuration. */
  #look(): void {
    for (const host of this.#servers) {
      const status = host.core?.consensus?.status();
      if (status?.role !== "leader") {
        this.#checkers.forgetConfiguration(host);
        continue;
      }
      for (const one of this.#servers) this.#wellMs(host, one);
      this.#checkers.configured(host, {
        servers: status.servers.map(({ id }) => id),
        hosts: this.#hosts,
        wellMs: (one) => (one.isUp && !one.hasLeft ? this.#wellMs(host, one) : 0),
      });
    }
  }

  /**
   * For how long a host was well and the leader's gossip said so. Gossip may be wrong for a while, where packets
   * are lost.
   */
  #wellMs(leader: SimHost, host: SimHost): number {
    const key = `${leader.name} ${leader.incarnation} ${host.name}`;
    const members = leader.core?.pools.lan.members() ?? [];
    const isAlive = members.some(({ name, status }) => name === host.name && status === "alive");
    if (!isAlive) this.#doubtedMs.set(key, this.#scheduler.nowMs);
    const trustedMs = this.#scheduler.nowMs - (this.#doubtedMs.get(key) ?? 0);
    return Math.min(trustedMs, this.#faults.wellMs(host));
  }

  #watch(host: SimHost, machine: StateMachine, store: StateStore): StateMachine {
    const mutated = this.#options.mutation?.machine?.(host, machine, store) ?? machine;
    this.#machines.set(host, mutated);
    return this.#guarded(this.#checkers.watch(host, mutated));
  }

  /** What a checker throws inside of a server must not be taken for the server's own trouble. */
  #guarded(machine: StateMachine): StateMachine {
    return {
      ...machine,
      apply: (index, command, decoded) => {
        try {
          return machine.apply(index, command, decoded);
        } catch (error) {
          this.#failure ??= error instanceof Error ? error : new Error(String(error));
          throw error;
        }
      },
    };
  }

  #leadership(host: SimHost, leading: boolean, term: number): void {
    if (!leading) return;
    host.hasLed = true;
    try {
      this.#checkers.becameLeader(host, term);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  #failed(host: SimHost, error: unknown): void {
    const text = error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error);
    this.#failure ??= new Violation(`${host.name} cannot go on: ${text}`);
  }

  #compareStates(): void {
    const digests = new Set(this.#servers.map((host) => digestOf(this.#machines.get(host)!)));
    if (digests.size !== 1) throw new Violation(`state: ${digests.size} different states at the end`);
  }

  #judge(): void {
    const { operations } = this.#clients;
    const run = {
      kind: "run",
      seed: this.#seed,
      servers: this.#servers.length,
      faults: [],
      program: "sim",
    } as const;
    const { violations, undecided, leaseReads } = judge({ run, operations, faults: this.#faults.records });
    this.#leaseReadCount = leaseReads.length;
    if (violations.length > 0) throw new Violation(violations.join("\n"));
    if (undecided.length > 0) throw new Violation(`undecided: ${undecided.join("\n")}`);
  }
}
