/** What both kinds of agents take from the configuration for calls between them. */
import type { Config } from "../config/config.ts";
import type { BucketOptions } from "../lib/token-bucket.ts";
import type { CallTimeouts } from "../rpc/call-timeout.ts";
import type { RequestLimits } from "../server/request-limits.ts";

/** Archives are held in memory; larger ones are refused. */
export const archiveBytesMax = 1024 * 1024 * 1024;
/** A server writes or reads its whole state without a word. */
export const snapshotSilenceMs = 600_000;

/** How many calls a server answers. */
export function requestLimits({ limits }: Config): RequestLimits {
  return {
    mode: limits.requestLimitsMode,
    readRate: limits.requestReadRate,
    writeRate: limits.requestWriteRate,
  };
}

/** How many calls a client makes. */
export function callLimit({ limits }: Config): BucketOptions {
  return { rate: limits.rpcRate, burst: limits.rpcMaxBurst };
}

/** Timeouts of calls, as the newest configuration has them. */
export class ConfiguredTimeouts implements CallTimeouts {
  #config: Config;

  constructor(config: Config) {
    this.#config = config;
  }

  /** Calls from now on go by `config`. */
  reload(config: Config): void {
    this.#config = config;
  }

  get rpcClientTimeoutMs(): number {
    return this.#config.limits.rpcClientTimeoutMs;
  }

  get rpcHoldTimeoutMs(): number {
    return this.#config.limits.rpcHoldTimeoutMs;
  }

  get defaultQueryTimeMs(): number {
    return this.#config.queryTimes.defaultMs;
  }

  get maxQueryTimeMs(): number {
    return this.#config.queryTimes.maxMs;
  }
}

/** Connections that one client may have open at a server. */
export function clientConnectionsMax({ limits }: Config): number {
  return limits.rpcMaxConnsPerClient ?? Number.MAX_SAFE_INTEGER;
}
