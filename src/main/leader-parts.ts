/** Builds what a server needs to lead: autopilot, the duties of leaders, and what they write. */
import type { Config } from "../config/config.ts";
import type { Consensus } from "../lib/consensus.ts";
import { millisecondNs, parseDuration } from "../lib/duration.ts";
import { Autopilot } from "../server/autopilot.ts";
import { initializeAutopilot } from "../server/autopilot-config.ts";
import type { ServerContext } from "../server/context.ts";
import { publishOrigin } from "../server/coordinate.ts";
import {
  CoordinateUpdates,
  defaultCoordinateLimits,
  type CoordinateBatchLimits,
} from "../server/coordinate-batch.ts";
import { KvExpiry, removeExpired } from "../server/kv-expiry.ts";
import { runLeaderDuties } from "../server/leader-duties.ts";
import { Reconciler } from "../server/leader-reconciler.ts";
import type { LeaderSessionTimers } from "../server/session-timers.ts";
import type { TombstoneGc } from "../server/tombstone-gc.ts";
import { reportUsage } from "../server/usage-metrics.ts";
import { defaultAutopilotConfig } from "../state/autopilot.ts";
import type { RegisterRequest } from "../wire/structs/catalog.ts";
import type { AutopilotConfig } from "../wire/structs/operator.ts";
import type { ServerParts } from "./server-options.ts";

/** What the leader's duties start and stop. */
export interface LeaderParts {
  readonly context: ServerContext;
  readonly autopilot: Autopilot;
  readonly timers: LeaderSessionTimers;
  readonly gc: TombstoneGc;
}

/** Does what leaders do while this server leads, until disposed. */
export function runLeader(parts: ServerParts, { context, autopilot, timers, gc }: LeaderParts): Disposable {
  const { consensus, store, pool, clock, metrics } = context;
  const log = parts.log.named("leader");
  const { datacenter, nodeName } = context.settings;
  const shared = { consensus, store, pool, clock, metrics, log };
  const expiry = new KvExpiry({ clock, store, log, remove: (entry) => removeExpired(context, entry) });
  const reporting = reportUsage(context, () => timers.count());
  const duties = runLeaderDuties({
    ...shared,
    reconciler: new Reconciler({ ...shared, autopilot, datacenter, nodeName, ownNode: ownNode(parts) }),
    announce: () => parts.cluster?.announceLeader(),
    establish: async () => {
      timers.startAll(store.tables.sessions.values());
      expiry.start();
      // Tombstones of earlier leaders' days get their full time again.
      gc.hint(store.maxIndex("tombstones"));
      await initializeAutopilot({ consensus, store }, context.initialAutopilot);
      autopilot.enableReconciliation();
      await publishOrigin(context);
    },
    revoke: () => {
      timers.stopAll();
      expiry.stop();
      gc.stop();
      autopilot.disableReconciliation();
    },
  });
  return {
    [Symbol.dispose]: () => {
      reporting[Symbol.dispose]();
      duties[Symbol.dispose]();
    },
  };
}

/** Autopilot, which watches from now on and changes nothing yet. */
export function openAutopilot(
  parts: ServerParts,
  { consensus, store, pool }: Pick<ServerContext, "consensus" | "store" | "pool">,
): Autopilot {
  const { clock, log, metrics, nodeId, cluster, config } = parts;
  return new Autopilot({
    consensus,
    store,
    pool,
    clock,
    metrics,
    nodeId,
    log: log.named("server.autopilot"),
    initialConfig: initialAutopilot(config),
    updateIntervalMs: config.autopilot.serverHealthIntervalMs,
    raftStats: (server) => cluster?.raftStats(server) ?? Promise.reject(new NoOtherServerError(server.name)),
    allegianceOf: (server) =>
      cluster?.allegianceOf(server) ?? Promise.reject(new NoOtherServerError(server.name)),
    forceLeave: (name) => cluster?.forceLeave(name) ?? Promise.reject(new NoOtherServerError(name)),
  });
}

/** A bug: a server that is alone has nobody to ask. */
class NoOtherServerError extends Error {
  constructor(name: string) {
    super(`there is no way to ${name}: this server runs alone`);
  }
}

/** Autopilot's settings as configured, for the first leader to write. */
export function initialAutopilot({ autopilot }: Config): AutopilotConfig {
  return {
    ...defaultAutopilotConfig,
    CleanupDeadServers: autopilot.cleanupDeadServers,
    LastContactThreshold: autopilot.lastContactThresholdMs * millisecondNs,
    MaxTrailingLogs: autopilot.maxTrailingLogs,
    MinQuorum: autopilot.minQuorum,
    ServerStabilizationTime: autopilot.serverStabilizationTimeMs * millisecondNs,
  };
}

/** Where coordinates wait for the log. */
export function openCoordinates(
  { config, clock, log }: ServerParts,
  consensus: Pick<Consensus, "propose">,
): CoordinateUpdates {
  return new CoordinateUpdates({
    consensus,
    clock,
    log: log.named("server.coordinate"),
    limits: coordinateLimits(config),
  });
}

function coordinateLimits({ settings }: Config): CoordinateBatchLimits {
  const { periodMs, batchSizeMax, batchCountMax } = defaultCoordinateLimits;
  const periodNs = parseDuration(settings.text("consul.coordinate.update_period") ?? "");
  return {
    periodMs: periodNs === undefined ? periodMs : periodNs / millisecondNs,
    batchSizeMax: settings.number("consul.coordinate.update_batch_size") ?? batchSizeMax,
    batchCountMax: settings.number("consul.coordinate.update_max_batches") ?? batchCountMax,
  };
}

/** The leader's own entry, whole before its agent's first sync. */
function ownNode({ config, version }: ServerParts): Pick<RegisterRequest, "TaggedAddresses" | "NodeMeta"> {
  return {
    TaggedAddresses: config.addresses.tagged,
    NodeMeta: { ...config.nodeMeta, "consul-network-segment": "", "consul-version": version },
  };
}
