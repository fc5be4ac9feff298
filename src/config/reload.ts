/** What a running agent takes over from a new configuration. */
import type { Config, ReloadableConfig } from "./config.ts";
import { allKeys } from "./keys.ts";
import { settingAt } from "./settings.ts";

/** The part that takes effect now, and what waits for a restart. */
export interface Reload {
  readonly config: ReloadableConfig;
  /** One sentence for each key that changed but is not taken over. */
  readonly warnings: readonly string[];
}

/** The place in the settings tree that holds a key: the list or map itself for keys of its elements. */
function treePath(path: string): string {
  return path.replace(/(?:\[\]|\.<name>).*$/u, "");
}

/** Order of keys does not count: a file may be rewritten by a tool. */
function comparable(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? ""
  );
}

/** Keys that differ and take effect only at the next start, in the order of the tables. */
function restartKeys(current: Config, next: Config): readonly string[] {
  const paths = new Set(allKeys.filter((key) => key.reload === "restart").map((key) => treePath(key.path)));
  return [...paths].filter((path) => {
    const [before, after] = [current, next].map((config) => settingAt(config.settings.tree, path));
    return comparable(before) !== comparable(after);
  });
}

/** The reloadable part of a configuration. */
export function reloadableConfig(config: Config): ReloadableConfig {
  const { limits, raft, telemetry } = config;
  return {
    services: config.services,
    checks: config.checks,
    watches: config.watches,
    nodeMeta: config.nodeMeta,
    dns: config.dns,
    debug: config.debug,
    ui: config.ui,
    logLevel: config.log.level,
    aclTokens: config.acl.tokens,
    checksDiscardOutput: config.checksConfig.discardOutput,
    tls: config.tls,
    limits: {
      httpMaxConnsPerClient: limits.httpMaxConnsPerClient,
      rpcClientTimeoutMs: limits.rpcClientTimeoutMs,
      rpcMaxBurst: limits.rpcMaxBurst,
      rpcMaxConnsPerClient: limits.rpcMaxConnsPerClient,
      rpcRate: limits.rpcRate,
      requestLimitsMode: limits.requestLimitsMode,
      requestReadRate: limits.requestReadRate,
      requestWriteRate: limits.requestWriteRate,
    },
    raft: {
      snapshotThreshold: raft.snapshotThreshold,
      snapshotIntervalMs: raft.snapshotIntervalMs,
      trailingLogs: raft.trailingLogs,
    },
    telemetry: {
      filterDefault: telemetry.filterDefault,
      allowedPrefixes: telemetry.allowedPrefixes,
      blockedPrefixes: telemetry.blockedPrefixes,
    },
  };
}

/** What `next` changes in an agent that runs with `current`. The values of keys are not named: some are secret. */
export function reloadable(current: Config, next: Config): Reload {
  const warnings = restartKeys(current, next).map(
    (path) => `The value of '${path}' changed, but takes effect only when the agent is restarted`,
  );
  return { config: reloadableConfig(next), warnings };
}
