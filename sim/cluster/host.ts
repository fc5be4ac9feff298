/** One host of a simulated cluster: its disk, its clock, and the lives of the agent on it. */
import type { StateMachine } from "../../src/lib/consensus.ts";
import type { Log, LogFields, LogLevel } from "../../src/lib/log.ts";
import type { MemberPool } from "../../src/lib/members.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import type { Rng } from "../../src/lib/rng.ts";
import type { AgentCore } from "../../src/main/agent-core.ts";
import { startClientCore } from "../../src/main/client-core.ts";
import { startServerCore } from "../../src/main/server-core.ts";
import type { Rules } from "../../src/raft/core/rules.ts";
import type { StateStore } from "../../src/state/store.ts";
import { Violation } from "../raft/checkers.ts";
import { SimDisk } from "./disk.ts";
import { simConfig } from "./host-config.ts";
import type { SimNetwork } from "./network.ts";
import type { ClusterPlan } from "./plan.ts";
import type { Life, Scheduler } from "./scheduler.ts";

const version = "1.16.4";
const joinRetryMs = 1_000;

/** What a host is told, and asked, besides its plan. */
export interface HostWorld {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly plan: ClusterPlan;
  readonly rng: Rng;
  /** Addresses to join through. */
  readonly joinAddresses: readonly string[];
  readonly log: (line: string) => void;
  readonly isLogged: boolean;
  /** Nobody lies: a message that is refused as no correct peer's is a bug. */
  readonly peersAreCorrect: boolean;
  readonly raftRules: Rules | undefined;
  watch(host: SimHost, machine: StateMachine, store: StateStore): StateMachine;
  pool(host: SimHost, pool: MemberPool): MemberPool;
  leadership(host: SimHost, leading: boolean, term: number): void;
  failed(host: SimHost, error: unknown): void;
}

/** One life of the process. */
class Process implements Life {
  readonly address: string;
  isOver = false;
  stalledUntilMs = 0;
  core: AgentCore | undefined;
  store: StateStore | undefined;

  constructor(address: string) {
    this.address = address;
  }
}

export class SimHost {
  readonly index: number;
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly isServer: boolean;
  readonly disk: SimDisk;
  readonly #world: HostWorld;
  readonly #rng: Rng;
  #process: Process | undefined;
  #incarnation = 0;
  /** It left on purpose and is to stay away until it is started again. */
  hasLeft = false;
  /** It has led in this life. */
  hasLed = false;

  constructor(world: HostWorld, index: number, isServer: boolean) {
    this.#world = world;
    this.index = index;
    this.isServer = isServer;
    this.name = `${isServer ? "server" : "agent"}-${index + 1}`;
    this.address = `10.0.0.${index + 1}`;
    this.id = `00000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`;
    this.#rng = world.rng.fork(`host ${index}`);
    const never: Life = { isOver: false, stalledUntilMs: 0 };
    this.disk = new SimDisk({
      scheduler: world.scheduler,
      plan: world.plan.disk,
      rng: this.#rng.fork("disk"),
      clock: world.scheduler.clockOf(never, { rate: 1_000, offsetMs: 0 }),
    });
  }

  get incarnation(): number {
    return this.#incarnation;
  }
  get isUp(): boolean {
    return this.#process !== undefined;
  }
  get stalledUntilMs(): number {
    return this.#process?.stalledUntilMs ?? 0;
  }
  /** The agent, once it has started. */
  get core(): AgentCore | undefined {
    return this.#process?.core;
  }
  get store(): StateStore | undefined {
    return this.#process?.store;
  }
  /** The present life; for events that end with it. */
  get life(): Life | undefined {
    return this.#process;
  }

  start(): void {
    const { scheduler, network, plan } = this.#world;
    this.#incarnation += 1;
    this.hasLeft = false;
    this.hasLed = false;
    network.light(this.address);
    const process = new Process(this.address);
    this.#process = process;
    const rng = this.#rng.fork(`life ${this.#incarnation}`);
    const rate = 1_000 - plan.skew + rng.below(2 * plan.skew + 1);
    const clock = scheduler.clockOf(process, { rate, offsetMs: rng.below(1_000_000) });
    const parts = {
      config: simConfig(this, plan),
      nodeId: this.id,
      version,
      net: network.netOf(process),
      clock,
      rng: rng.fork("agent"),
      log: this.#world.isLogged ? this.#log("") : this.#quietLog(),
      metrics: noMetrics,
    };
    const failed = (error: unknown): void => {
      if (!process.isOver) this.#world.failed(this, error);
    };
    const starting = this.isServer
      ? startServerCore({ ...parts, failed, host: this.#serverHost(process, rng.fork("ids")) })
      : startClientCore(parts);
    starting.then(
      (core) => this.#started(process, core),
      (error: unknown) => failed(error),
    );
  }

  /** The process dies; `dark`: so does the host. */
  crash(dark: boolean): void {
    const process = this.#process;
    if (process === undefined) return;
    process.isOver = true;
    this.#process = undefined;
    this.disk.crash();
    if (dark) this.#world.network.darken(this.address);
    else this.#world.network.abandon(process);
  }

  stall(ms: number): void {
    const process = this.#process;
    if (process !== undefined) process.stalledUntilMs = this.#world.scheduler.nowMs + ms;
  }

  /** Leaves the cluster on purpose, then ends. */
  leave(): void {
    const process = this.#process;
    const core = process?.core;
    if (process === undefined || core === undefined) return;
    this.hasLeft = true;
    core
      .leave()
      .then(() => core.close())
      .then(
        () => {
          process.isOver = true;
          if (this.#process === process) this.#process = undefined;
        },
        (error: unknown) => this.#world.failed(this, error),
      );
  }

  #started(process: Process, core: AgentCore): void {
    process.core = core;
    if (process.isOver) return;
    core.consensus?.onLeadership((leading, term) => {
      if (!process.isOver) this.#world.leadership(this, leading, term);
    });
    this.#join(process, core);
  }

  /** As with `retry_join`: until it worked once. */
  #join(process: Process, core: AgentCore): void {
    const others = this.#world.joinAddresses.filter((address) => !address.startsWith(`${this.address}:`));
    core.pools.lan.join(others, true).catch(() => {
      this.#world.scheduler.after(joinRetryMs, process, () => this.#join(process, core));
    });
  }

  #serverHost(process: Process, ids: Rng): NonNullable<Parameters<typeof startServerCore>[0]["host"]> {
    const { scheduler, raftRules } = this.#world;
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
    return {
      stores: this.disk.storesOf(process),
      defer: (run) => scheduler.after(0, process, run),
      uuid: () => hex(ids.bytes(16)).replace(/^(.{8})(.{4})(.{4})(.{4})/u, "$1-$2-$3-$4-"),
      watch: (machine, store) => {
        process.store = store;
        return this.#world.watch(this, machine, store);
      },
      pool: (pool) => this.#world.pool(this, pool),
      ...(raftRules === undefined ? {} : { raftRules }),
    };
  }

  #log(component: string): Log {
    const line = (level: LogLevel, message: string, fields: LogFields = {}): void => {
      const words = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`);
      const text = [component === "" ? "" : `${component}:`, message, ...words].join(" ");
      this.#world.log(`${this.name} [${level}]${text}`);
      if (level === "error") this.#lookForBug(message, fields);
    };
    return {
      trace: (message, fields) => line("trace", message, fields),
      debug: (message, fields) => line("debug", message, fields),
      info: (message, fields) => line("info", message, fields),
      warn: (message, fields) => line("warn", message, fields),
      error: (message, fields) => line("error", message, fields),
      named: (name) => this.#log(component === "" ? ` ${name}` : `${component}.${name}`),
    };
  }

  /** Looks at what would be logged, and drops it. */
  #quietLog(): Log {
    const nothing = (): void => undefined;
    const log: Log = {
      trace: nothing,
      debug: nothing,
      info: nothing,
      warn: nothing,
      error: (message, fields) => this.#lookForBug(message, fields ?? {}),
      named: () => log,
    };
    return log;
  }

  /** Broken claims and the language's own errors are bugs, wherever they are caught and logged. */
  #lookForBug(message: string, fields: LogFields): void {
    const text = [message, ...Object.values(fields).map(String)].join(" ");
    const isRefusal = this.#world.peersAreCorrect && refusalText.test(text);
    if (bugText.test(text) || isRefusal) this.#world.failed(this, new Violation(`it logs a bug: ${text}`));
  }
}

const refusalText = /refused what no correct peer sends/u;
const bugText =
  /broken claim|unreachable value|(?:Type|Range|Reference|Syntax)Error|is not a function|unexpectedly/u;
