/** A running agent: its server, its local part, its HTTP door, and how they stop together. */
import { createAgent, type Agent } from "../agent/agent.ts";
import { noFiles } from "../agent/files.ts";
import { MetricsRegistry } from "../agent/metrics-registry.ts";
import type { AgentSettings } from "../agent/settings.ts";
import type { Config } from "../config/config.ts";
import { compileAgentFilter } from "../http/agent-filter.ts";
import { createAgentRoutes } from "../http/agent-routes.ts";
import { createApp } from "../http/app.ts";
import { catalogRoutes } from "../http/catalog-routes.ts";
import { coordinateRoutes } from "../http/coordinate-routes.ts";
import { createEventRoutes } from "../http/event-routes.ts";
import { healthRoutes } from "../http/health-routes.ts";
import { kvRoutes } from "../http/kv-routes.ts";
import { laterRoutes } from "../http/later-routes.ts";
import { operatorRoutes } from "../http/operator-routes.ts";
import { sessionRoutes } from "../http/session-routes.ts";
import { snapshotRoutes } from "../http/snapshot-routes.ts";
import { statusRoutes } from "../http/status-routes.ts";
import { txnRoutes } from "../http/txn-routes.ts";
import type { HttpContext, Route } from "../http/types.ts";
import type { Log } from "../lib/log.ts";
import type { Rng } from "../lib/rng.ts";
import { Snapshots } from "../server/snapshot.ts";
import type { JsonObject } from "../wire/schema/codec.ts";
import { systemArchiveTools } from "../runtime/archive-tools.ts";
import { openAgentFiles } from "../runtime/agent-files.ts";
import type { BuildInfo } from "../runtime/build-info.ts";
import { systemCheckIo } from "../runtime/check-io.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Listener } from "../runtime/http-listener.ts";
import { systemNet } from "../runtime/net.ts";
import { systemRng, systemUuid } from "../runtime/random.ts";
import { renderJsonLine, renderText, type LogHub } from "../runtime/text-log.ts";
import { createAgentHost } from "./agent-host.ts";
import { openDns, type DnsService } from "./dns.ts";
import { openListeners } from "./listeners.ts";
import { startServer, type RunningServer } from "./server-parts.ts";

export interface AgentProcessParts {
  readonly config: Config;
  readonly nodeId: string;
  readonly build: BuildInfo;
  readonly debugConfig: JsonObject;
  readonly logs: LogHub;
  /** Somebody asked, over HTTP, to leave. */
  leaveWanted(): void;
  reload(): Promise<void>;
  failed(error: unknown): void;
}

export interface AgentProcess {
  readonly agent: Agent;
  /** Takes over what a reload may change beside definitions. */
  reload(config: Config): void;
  stop(): Promise<void>;
}

/** Starts everything. Rejects, with nothing left running, when a part cannot start. */
export async function startAgentProcess(parts: AgentProcessParts): Promise<AgentProcess> {
  const { config, logs } = parts;
  const log = logs.logger("agent");
  const registry = new MetricsRegistry(systemClock);
  const rng = systemRng();
  const running = await startServer({
    config,
    nodeId: parts.nodeId,
    version: parts.build.compatibleVersion,
    clock: systemClock,
    rng: rng.fork("server"),
    log,
    metrics: registry,
    failed: (error) => parts.failed(error),
  });
  const agent = createAgent({
    settings: agentSettings(parts),
    rpc: running.server,
    clock: systemClock,
    random: (limit) => rng.below(limit),
    uuid: systemUuid,
    log,
    metrics: registry,
    registry,
    files: config.dataDir === undefined ? noFiles : openAgentFiles(config.dataDir),
    io: systemCheckIo(),
    host: createAgentHost({
      config,
      nodeId: parts.nodeId,
      version: parts.build.compatibleVersion,
      consensus: running.consensus,
      debugConfig: parts.debugConfig,
      leave: () => Promise.resolve(parts.leaveWanted()),
      reload: () => parts.reload(),
    }),
    logs: {
      subscribe: ({ level, json }, fn) =>
        logs.subscribe(levelOf(level), (record) =>
          fn(`${json ? renderJsonLine(record) : renderText(record)}\n`),
        ),
    },
  });
  return assemble({ parts, log, running, agent, registry, rng });
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
  readonly running: RunningServer;
  readonly agent: Agent;
  readonly registry: MetricsRegistry;
  readonly rng: Rng;
}

async function assemble({ parts, log, running, agent, registry, rng }: Assembly): Promise<AgentProcess> {
  const { config } = parts;
  const context: HttpContext = {
    rpc: running.server,
    datacenter: config.datacenter,
    nodeName: config.nodeName,
    log: log.named("http"),
    metrics: registry,
    kvValueBytesMax: config.limits.kvMaxValueSize,
    txnBytesMax: config.limits.txnMaxReqLen,
    snapshots: new Snapshots({
      consensus: running.consensus,
      tools: systemArchiveTools,
      clock: systemClock,
      datacenter: config.datacenter,
    }),
  };
  const app = createApp({
    routes: allRoutes(agent),
    context,
    blockedEndpoints: config.http.blockEndpoints,
    responseHeaders: config.http.responseHeaders,
    unprintableCharFilter: config.http.unprintableCharFilter,
  });
  const leading = running.consensus.onLeadership((isLeader) => {
    if (isLeader) agent.serverUp();
  });
  let listeners: readonly Listener[] = [];
  let dns: DnsService | undefined;
  const stop = async (): Promise<void> => {
    leading[Symbol.dispose]();
    await dns?.close();
    await Promise.all(listeners.map((listener) => listener.close()));
    await agent.stop();
    await running.close();
  };
  try {
    // What was registered before a restart is there before anyone can ask for it.
    await agent.start();
    listeners = await openListeners(app, config, log);
    dns = await openDns({
      config,
      rpc: running.server,
      net: systemNet,
      clock: systemClock,
      log,
      metrics: registry,
      random: (limit) => rng.below(limit),
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { agent, reload: (next) => dns?.reload(next), stop };
}

function allRoutes(agent: Agent): readonly Route[] {
  return [
    ...kvRoutes,
    ...txnRoutes,
    ...sessionRoutes,
    ...catalogRoutes,
    ...healthRoutes,
    ...coordinateRoutes,
    ...statusRoutes,
    ...operatorRoutes,
    ...snapshotRoutes,
    ...createAgentRoutes(agent, { filter: compileAgentFilter }),
    ...createEventRoutes(agent),
    ...laterRoutes,
  ];
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
  };
}
