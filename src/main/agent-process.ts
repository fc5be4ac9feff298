/** A running agent: its server, its local part, its HTTP door, and how they stop together. */
import { createAgent, type Agent } from "../agent/agent.ts";
import { noFiles } from "../agent/files.ts";
import type { CheckIo } from "../agent/check-io.ts";
import type { AgentSettings } from "../agent/settings.ts";
import type { Config } from "../config/config.ts";
import type { AgentWatches } from "../agent/watches/agent-watches.ts";
import { compileAgentFilter } from "../http/agent-filter.ts";
import { createAgentRoutes } from "../http/agent-routes.ts";
import { serverRoutes } from "../http/server-routes.ts";
import { createApp, type App } from "../http/app.ts";
import { createEventRoutes } from "../http/event-routes.ts";
import { createExplainRoutes } from "../http/explain-routes.ts";
import { laterRoutes } from "../http/later-routes.ts";
import { createProfileRoutes } from "../http/profile-routes.ts";
import { snapshotRoutes } from "../http/snapshot-routes.ts";
import { createStreamRoutes } from "../http/stream-routes.ts";
import type { HttpContext, Route } from "../http/types.ts";
import { millisecondNs } from "../lib/duration.ts";
import type { Log } from "../lib/log.ts";
import type { Rng } from "../lib/rng.ts";
import { foreignServerOf, parseServer } from "../wire/gossip/agent-tags.ts";
import type { JsonObject } from "../wire/schema/codec.ts";
import { openAgentFiles } from "../runtime/agent-files.ts";
import type { BuildInfo } from "../runtime/build-info.ts";
import { systemCheckIo } from "../runtime/check-io.ts";
import { systemClock } from "../runtime/clock.ts";
import { systemNet } from "../runtime/net.ts";
import { systemRng, systemUuid } from "../runtime/random.ts";
import { renderJsonLine, renderText, type LogHub } from "../runtime/text-log.ts";
import { createAgentHost } from "./agent-host.ts";
import { openDns, type DnsService } from "./dns.ts";
import { openListeners, type HttpDoors } from "./listeners.ts";
import type { AgentCore } from "./agent-core.ts";
import { createAgentWatches } from "./agent-watches.ts";
import { CheckCertificates } from "./check-certificates.ts";
import { cacheRate } from "./cache-rate.ts";
import { joinPools } from "./join-pools.ts";
import { ProcessProfiles } from "./process-profiles.ts";
import { reportProcess } from "./report-metrics.ts";
import { sendCoordinates } from "./send-coordinates.ts";
import { openTelemetry, type Telemetry } from "./telemetry.ts";

export interface AgentProcessParts {
  readonly config: Config;
  readonly nodeId: string;
  readonly build: BuildInfo;
  readonly debugConfig: JsonObject;
  readonly logs: LogHub;
  /** Somebody asked, over HTTP, to leave: settles when the agent has left the cluster, and then ends it. */
  leave(): Promise<void>;
  reload(): Promise<void>;
  /** The agent is in its pool, or was told of none to join. */
  joined(): void;
  failed(error: unknown): void;
}

export interface AgentProcess {
  readonly agent: Agent;
  /** Takes over what a reload may change. Rejects when definitions, watches or certificates are no good. */
  reload(config: Config): Promise<void>;
  /** Leaves the cluster for good; `stop` comes after it. Never rejects. */
  leave(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts everything. Rejects, with nothing left running, when a part cannot start. */
export async function startAgentProcess(parts: AgentProcessParts): Promise<AgentProcess> {
  const { config, logs } = parts;
  const log = logs.logger("agent");
  const telemetry = await openTelemetry({ net: systemNet, clock: systemClock, log }, config);
  try {
    return await startCore(parts, { log, telemetry });
  } catch (error) {
    telemetry[Symbol.dispose]();
    throw error;
  }
}

async function startCore(
  parts: AgentProcessParts,
  { log, telemetry }: { readonly log: Log; readonly telemetry: Telemetry },
): Promise<AgentProcess> {
  const { config, logs } = parts;
  const { registry } = telemetry;
  const rng = systemRng();
  const coreParts = {
    config,
    nodeId: parts.nodeId,
    version: parts.build.compatibleVersion,
    net: systemNet,
    clock: systemClock,
    rng: rng.fork("core"),
    log,
    metrics: registry,
    failed: (error: unknown) => parts.failed(error),
  };
  // A client has no use for the consensus and its store, which are most of the program.
  const core = config.server
    ? await (await import("./server-core.ts")).startServerCore(coreParts)
    : await (await import("./client-core.ts")).startClientCore(coreParts);
  try {
    const { consensus } = core;
    const certificates = new CheckCertificates(config);
    const agent = createAgent({
      settings: agentSettings(parts),
      rpc: core.rpc,
      clock: systemClock,
      random: (limit) => rng.below(limit),
      uuid: systemUuid,
      log,
      metrics: registry,
      registry,
      userEvents: core.pools.lan,
      files: config.dataDir === undefined ? noFiles : openAgentFiles(config.dataDir),
      io: checkIo(certificates),
      host: createAgentHost({
        config,
        nodeId: parts.nodeId,
        version: parts.build.compatibleVersion,
        pools: core.pools,
        ...(consensus === undefined ? {} : { consensus: () => consensus.status() }),
        knownServers: () => core.knownServers(),
        debugConfig: parts.debugConfig,
        leave: () => parts.leave(),
        reload: () => parts.reload(),
      }),
      logs: {
        subscribe: ({ level, json }, fn) =>
          logs.subscribe(levelOf(level), (record) =>
            fn(`${json ? renderJsonLine(record) : renderText(record)}\n`),
          ),
      },
    });
    return await assemble({ parts, log, core, agent, certificates, telemetry, rng });
  } catch (error) {
    await core.close();
    throw error;
  }
}

type Level = "trace" | "debug" | "info" | "warn" | "error";
const levels: readonly Level[] = ["trace", "debug", "info", "warn", "error"];

/** A level by the reference's name for it; anything unknown counts as info. */
export function levelOf(name: string): Level {
  const lower = name.toLowerCase();
  return lower === "err" ? "error" : (levels.find((level) => level === lower) ?? "info");
}

interface Assembly {
  readonly parts: AgentProcessParts;
  readonly log: Log;
  readonly core: AgentCore;
  readonly agent: Agent;
  readonly certificates: CheckCertificates;
  readonly telemetry: Telemetry;
  readonly rng: Rng;
}

async function assemble(assembly: Assembly): Promise<AgentProcess> {
  const { parts, log, core, agent, certificates, telemetry, rng } = assembly;
  const { config } = parts;
  const profiles = new ProcessProfiles(config, systemClock);
  const app = openApp(assembly, profiles);
  const ending = new AbortController();
  const watches = createAgentWatches({ app, config, log, clock: systemClock });
  const watching = watchServers(core, () => {
    agent.serverUp();
    watches.serverUp();
  });
  const reporting = startReporting(assembly);
  let doors: HttpDoors | undefined;
  let dns: DnsService | undefined;
  const closeDoors = async (): Promise<void> => {
    ending.abort();
    watches[Symbol.dispose]();
    watching[Symbol.dispose]();
    reporting[Symbol.dispose]();
    await dns?.close();
    await doors?.close();
    await agent.stop();
  };
  try {
    // What was registered before a restart is there before anyone can ask for it.
    await agent.start();
    doors = await openListeners(app, config, log);
    dns = await openDns({
      config,
      rpc: core.rpc,
      cache: agent.cache,
      net: systemNet,
      clock: systemClock,
      log,
      metrics: telemetry.registry,
      random: (limit) => rng.below(limit),
    });
    watches.replace(config.watches);
  } catch (error) {
    await closeDoors();
    throw error;
  }
  const joined = (): void => parts.joined();
  joinPools({ config, core, log, clock: systemClock, joined, signal: ending.signal }).catch(
    (error: unknown) => parts.failed(error),
  );
  const running: Reloadable = { certificates, doors, watches, agent, telemetry, profiles, core, dns };
  return {
    agent,
    reload: (next) => takeOver(next, running),
    leave: () => leaveCluster(assembly),
    stop: async () => {
      await closeDoors();
      await core.close();
      telemetry[Symbol.dispose]();
    },
  };
}

function leaveCluster({ agent, core }: Assembly): Promise<void> {
  agent.leaving();
  return core.leave();
}

/** What a reload may change. */
interface Reloadable {
  readonly certificates: CheckCertificates;
  readonly doors: HttpDoors;
  readonly watches: AgentWatches;
  readonly agent: Agent;
  readonly telemetry: Telemetry;
  readonly profiles: ProcessProfiles;
  readonly core: AgentCore;
  readonly dns: DnsService;
}

/** Takes over another configuration. Rejects, with little changed, when something in it is no good. */
async function takeOver(next: Config, running: Reloadable): Promise<void> {
  const { agent } = running;
  // First what may be refused.
  running.certificates.reload(next);
  await running.doors.reload(next);
  running.watches.reload(next.watches);
  await agent.reload({
    services: next.services,
    checks: next.checks,
    nodeMeta: next.nodeMeta,
    discardOutput: next.checksConfig.discardOutput,
  });
  running.telemetry.reload(next);
  running.profiles.reload(next);
  running.core.reload(next);
  running.dns.reload(next);
  agent.cache.reload(cacheRate(next));
}

/** The HTTP door, without its listeners. */
function openApp(assembly: Assembly, profiles: ProcessProfiles): App {
  const { parts, core, agent } = assembly;
  const { config } = parts;
  return createApp({
    routes: [...allRoutes(agent), ...createProfileRoutes(profiles)],
    context: {
      ...httpContext(assembly),
      foreignServer: () => foreignServerOf(core.pools.lan.members(), config.datacenter),
      tellDeregister: (gone, target) => agent.tellDeregister(gone, target),
      ...(config.http.useCache ? { cache: agent.cache } : {}),
    },
    blockedEndpoints: config.http.blockEndpoints,
    responseHeaders: config.http.responseHeaders,
    unprintableCharFilter: config.http.unprintableCharFilter,
    clock: systemClock,
    allowWriteFrom: config.http.allowWriteFrom,
    apiHeaders: {
      "X-Consul-Default-Acl-Policy": config.acl.defaultPolicy,
      ...(config.translateWanAddrs ? { "X-Consul-Translate-Addresses": "true" } : {}),
    },
    alwaysPretty: config.devMode,
    ...(config.ui.enabled ? { uiPath: config.ui.contentPath } : {}),
  });
}

/** What an agent tells of itself from time to time: coordinates to the servers, figures to the metrics. */
function startReporting({ parts, log, core, telemetry, rng }: Assembly): Disposable {
  const { config, build } = parts;
  const random = (limit: number): number => rng.below(limit);
  const sending = sendCoordinates({ config, core, clock: systemClock, log, random });
  const reporting = reportProcess({
    config,
    clock: systemClock,
    metrics: telemetry.registry,
    version: build.compatibleVersion,
  });
  return {
    [Symbol.dispose]: () => {
      sending[Symbol.dispose]();
      reporting[Symbol.dispose]();
    },
  };
}

function httpContext({ parts, log, core, telemetry }: Assembly): HttpContext {
  const { config } = parts;
  return {
    rpc: core.rpc,
    datacenter: config.datacenter,
    nodeName: config.nodeName,
    log: log.named("http"),
    metrics: telemetry.registry,
    kvValueBytesMax: config.limits.kvMaxValueSize,
    txnBytesMax: config.limits.txnMaxReqLen,
    coordinatesOff: !config.coordinates,
    discoveryMaxStaleNs: (config.queryTimes.discoveryMaxStaleMs ?? 0) * millisecondNs,
    snapshots: core.snapshots,
  };
}

/** Calls `up` when this agent may have found a server, or a leader. */
function watchServers({ consensus, pools }: AgentCore, up: () => void): Disposable {
  const watching = [
    pools.lan.onMember(({ kind, member }) => {
      if (kind === "join" && parseServer(member) !== undefined) up();
    }),
    ...(consensus === undefined
      ? []
      : [
          consensus.onLeadership((isLeader) => {
            if (isLeader) up();
          }),
        ]),
  ];
  return {
    [Symbol.dispose]: () => {
      for (const one of watching) one[Symbol.dispose]();
    },
  };
}

function allRoutes(agent: Agent): readonly Route[] {
  return [
    ...serverRoutes,
    ...snapshotRoutes,
    ...createAgentRoutes(agent, { filter: compileAgentFilter }),
    ...createEventRoutes(agent),
    ...createStreamRoutes(agent),
    ...createExplainRoutes(agent),
    ...laterRoutes,
  ];
}

function checkIo(certificates: CheckCertificates): CheckIo {
  return systemCheckIo({
    dockerHost: process.env["DOCKER_HOST"] ?? "",
    tls: () => certificates.material,
  });
}

function agentSettings({ config, nodeId, build }: AgentProcessParts): AgentSettings {
  const { checksConfig: checks, ports } = config;
  const sidecars = ports.sidecarMin !== undefined && ports.sidecarMax !== undefined;
  return {
    nodeName: config.nodeName,
    nodeId,
    datacenter: config.datacenter,
    primaryDatacenter: config.primaryDatacenter,
    server: config.server,
    version: build.compatibleVersion,
    revision: build.revision,
    buildDate: build.buildDate,
    advertiseAddress: config.addresses.advertiseLan,
    taggedAddresses: config.addresses.tagged,
    nodeMeta: config.nodeMeta,
    syncIntervalMs: config.antiEntropyIntervalMs,
    checks: {
      outputBytesMax: checks.outputMaxSize,
      updateIntervalMs: checks.updateIntervalMs,
      discardOutput: checks.discardOutput,
      enableRemoteScripts: checks.enableScriptChecks,
      enableLocalScripts: checks.enableScriptChecks || checks.enableLocalScriptChecks,
      deregisterMinMs: checks.deregisterIntervalMinMs,
      reapIntervalMs: checks.reapIntervalMs,
    },
    sidecarPorts: sidecars ? { min: ports.sidecarMin, max: ports.sidecarMax } : undefined,
    definitions: { services: config.services, checks: config.checks },
    aclEnabled: config.acl.enabled,
    prometheus: config.telemetry.prometheusRetentionMs !== undefined,
    cacheRate: cacheRate(config),
  };
}
