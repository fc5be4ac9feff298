/** The agent: what is registered here, the checks that run, and the catalog that follows. */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { SoloEventPool, type UserEventPool } from "../lib/user-events.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { AgentCache } from "./cache.ts";
import { AntiEntropy } from "./anti-entropy.ts";
import type { CheckIo } from "./check-io.ts";
import { DefinitionLoader } from "./definition-loader.ts";
import { EventLog, spreadAlone, spreadByServer, type EventTarget } from "./events.ts";
import { eventOfGone, obeyDeregister, type Gone } from "./sticky-deregister.ts";
import type { AgentFiles } from "./files.ts";
import { Intake } from "./intake.ts";
import { LocalState } from "./local-state.ts";
import type { MetricsRegistry } from "./metrics-registry.ts";
import { Persistence } from "./persistence.ts";
import { Registrar } from "./registrar.ts";
import type {
  AgentReload,
  AgentHost,
  AgentMember,
  AgentSettings,
  LogSource,
  PoolChoice,
} from "./settings.ts";

export interface AgentDeps {
  readonly settings: AgentSettings;
  readonly rpc: Rpc;
  readonly clock: Clock;
  /** Uniform integer below `limit`, for spreading work. */
  readonly random: (limit: number) => number;
  readonly uuid: () => string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What `/v1/agent/metrics` shows. */
  readonly registry: MetricsRegistry;
  readonly files: AgentFiles;
  readonly io: CheckIo;
  readonly host: AgentHost;
  readonly logs: LogSource;
  /** The pool in which user events are heard; absent: this agent alone hears its own. */
  readonly userEvents?: UserEventPool;
}

export class Agent {
  readonly settings: AgentSettings;
  readonly host: AgentHost;
  readonly clock: Clock;
  readonly logs: LogSource;
  readonly registry: MetricsRegistry;
  readonly state: LocalState;
  readonly registrar: Registrar;
  /** Registrations from outside, which are checked first. */
  readonly intake: Intake;
  readonly events: EventLog;
  /** Servers' answers, for callers who take an older one. */
  readonly cache: AgentCache;
  readonly #sync: AntiEntropy;
  readonly #persistence: Persistence;
  readonly #loader: DefinitionLoader;
  readonly #log: Log;
  readonly #following: Disposable;
  #nodeMeta: Readonly<Record<string, string>>;
  #reaper: Disposable | undefined;

  constructor(deps: AgentDeps) {
    const { settings, clock, random, rpc, io } = deps;
    this.settings = settings;
    this.host = deps.host;
    this.clock = clock;
    this.logs = deps.logs;
    this.registry = deps.registry;
    this.#log = deps.log;
    this.cache = new AgentCache({ rpc, clock, random, metrics: deps.metrics, rate: settings.cacheRate });
    this.#nodeMeta = wholeMeta(settings);
    this.state = new LocalState({
      clock,
      random,
      updateIntervalMs: settings.checks.updateIntervalMs,
      discardOutput: settings.checks.discardOutput,
      changed: () => this.#sync.changed(),
    });
    this.#sync = new AntiEntropy({
      rpc,
      clock,
      random,
      log: deps.log,
      state: this.state,
      node: { ...ownNode(settings), meta: this.#nodeMeta },
      intervalMs: settings.syncIntervalMs,
      tokens: () => ({ agent: "", user: "" }),
    });
    this.#persistence = new Persistence(deps.files, deps.log);
    this.registrar = new Registrar({
      clock,
      random,
      log: deps.log,
      rpc,
      io,
      state: this.state,
      datacenter: settings.datacenter,
      settings,
      persistence: this.#persistence,
      userToken: () => "",
    });
    this.intake = new Intake(this.registrar, settings.nodeName);
    const alone = new SoloEventPool();
    this.events = new EventLog({
      nodeName: settings.nodeName,
      uuid: deps.uuid,
      log: deps.log,
      spread: deps.userEvents === undefined ? spreadAlone(alone, settings.datacenter) : spreadByServer(rpc),
      services: () => this.state.allServices(),
      deregister: (event) => void obeyDeregister(this.registrar, deps.log, event),
      newLeader: () => this.serverUp(),
    });
    this.#following = this.events.follow(deps.userEvents ?? alone);
    this.#loader = new DefinitionLoader({
      registrar: this.registrar,
      state: this.state,
      persistence: this.#persistence,
      log: deps.log,
      nodeName: settings.nodeName,
    });
  }

  /** Loads what is configured and what was kept, then begins to sync. Rejects with `RpcError` for bad definitions. */
  async start(): Promise<void> {
    await this.#loader.loadConfigured(this.settings.definitions, new Map());
    await this.#loader.loadPersisted();
    this.#sync.start();
    this.#scheduleReaper();
  }

  /**
   * The agent is about to leave its cluster: nothing is synced any more. A sync that came after the leader had
   * deregistered the node would put it back into the catalog, where nobody would remove it.
   */
  leaving(): void {
    this.#sync.stop();
  }

  /** Stops checks and syncing; registrations stay in the catalog. Settles when everything is on disk. */
  async stop(): Promise<void> {
    this.#following[Symbol.dispose]();
    this.#reaper?.[Symbol.dispose]();
    this.#sync.stop();
    this.cache.close();
    // A call under way is not waited for: without a leader it would hold the end up.
    this.registrar.stop();
    await this.#persistence.flush();
  }

  /** The node's metadata as the catalog has it. */
  get nodeMeta(): Readonly<Record<string, string>> {
    return this.#nodeMeta;
  }

  /** Takes over what changed; what came over HTTP stays. Rejects with `RpcError`. */
  async reload({ nodeMeta, discardOutput, ...definitions }: AgentReload): Promise<void> {
    await this.#loader.reload(definitions);
    if (discardOutput !== undefined) this.state.discardOutput = discardOutput;
    if (nodeMeta === undefined) return;
    this.#nodeMeta = wholeMeta({ ...this.settings, nodeMeta });
    this.#sync.describeNode(this.#nodeMeta);
  }

  /** Tells the agent of a node, by an event, to drop a registration of its own. Rejects with `RpcError`. */
  async tellDeregister(gone: Gone, target: EventTarget): Promise<void> {
    await this.events.fire(eventOfGone(gone), target);
  }

  members(pool: PoolChoice = { wan: false }): readonly AgentMember[] {
    return this.host.members(pool);
  }

  leave(): Promise<void> {
    return this.host.leave();
  }

  /** The servers may have changed, or there is a leader again: compare soon. */
  serverUp(): void {
    this.#sync.serverUp();
  }

  /**
   * Settles when the servers know of every change up to this call, or could not be told. Changes over HTTP are
   * acknowledged then, as by the reference: who registers a service finds it in the catalog.
   */
  settled(): Promise<void> {
    return this.#sync.caughtUp();
  }

  /** Settles when nothing is being synced. */
  synced(): Promise<void> {
    return this.#sync.idle();
  }

  /** Sections of statistics, this agent's included. */
  stats(): Readonly<Record<string, Readonly<Record<string, string>>>> {
    const { monitors, ttls } = this.registrar.counts();
    return {
      ...this.host.stats(),
      agent: {
        check_monitors: String(monitors),
        check_ttls: String(ttls),
        checks: String(this.state.allChecks().length),
        services: String(this.state.allServices().length),
      },
      build: {
        prerelease: "",
        revision: this.settings.revision.slice(0, 8),
        version: this.settings.version,
        version_metadata: "",
      },
    };
  }

  #scheduleReaper(): void {
    this.#reaper = this.clock.after(this.settings.checks.reapIntervalMs, () => {
      this.#scheduleReaper();
      this.registrar
        .reap()
        .catch((error: unknown) => this.#log.error("failed to reap", { error: String(error) }));
    });
  }
}

/** Configured metadata with the agent's own keys. */
function wholeMeta({ nodeMeta, version }: AgentSettings): Readonly<Record<string, string>> {
  return { ...nodeMeta, "consul-network-segment": "", "consul-version": version };
}

/** The node as its agent registers it. */
function ownNode(settings: AgentSettings): Pick<
  AgentSettings,
  "datacenter" | "nodeName" | "nodeId" | "taggedAddresses"
> & {
  readonly address: string;
} {
  const { datacenter, nodeName, nodeId, advertiseAddress, taggedAddresses } = settings;
  return { datacenter, nodeName, nodeId, address: advertiseAddress, taggedAddresses };
}

/** Builds an agent; nothing runs before `start`. */
export function createAgent(deps: AgentDeps): Agent {
  return new Agent(deps);
}
