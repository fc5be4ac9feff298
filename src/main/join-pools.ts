/** Joins the configured pools in the background. */
import { retryJoin } from "../agent/retry-join.ts";
import type { Config } from "../config/config.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { AgentCore } from "./agent-core.ts";

export interface JoinParts {
  readonly config: Config;
  readonly core: AgentCore;
  readonly clock: Clock;
  readonly log: Log;
  /** The pool of the own datacenter is joined, or there is nothing to join. */
  joined(): void;
  /** Gives up without a failure. */
  readonly signal: AbortSignal;
}

/** Settles when all pools are joined. Rejects with `JoinExhaustedError` when one was tried in vain. */
export async function joinPools({ config, core, clock, log, joined, signal }: JoinParts): Promise<void> {
  const { join } = config;
  const { lan, wan } = core.pools;
  const parts = { clock, log };
  await Promise.all([
    retryJoin(
      parts,
      {
        addresses: join.retryLan,
        intervalMs: join.retryLanIntervalMs,
        attemptsMax: join.retryLanAttemptsMax,
        join: (addresses) =>
          announced(log, { pool: "LAN", addresses, join: () => lan.join(addresses, true) }),
      },
      signal,
    ).then(() => {
      if (!signal.aborted) joined();
    }),
    retryJoin(
      parts,
      {
        addresses: wan === undefined ? [] : join.retryWan,
        intervalMs: join.retryWanIntervalMs,
        attemptsMax: join.retryWanAttemptsMax,
        join: (addresses) =>
          announced(log, {
            pool: "WAN",
            addresses,
            join: () => wan?.join(addresses, true) ?? Promise.resolve(0),
          }),
      },
      signal,
    ),
  ]);
}

async function announced(
  log: Log,
  {
    pool,
    addresses,
    join,
  }: {
    readonly pool: "LAN" | "WAN";
    readonly addresses: readonly string[];
    readonly join: () => Promise<number>;
  },
): Promise<number> {
  log.info(`(${pool}) joining`, { [`${pool.toLowerCase()}_addresses`]: addresses.join(" ") });
  try {
    const count = await join();
    log.info(`(${pool}) joined`, { number_of_nodes: count });
    return count;
  } catch (error) {
    log.warn(`(${pool}) couldn't join`, { number_of_nodes: 0, error: String(error) });
    throw error;
  }
}
