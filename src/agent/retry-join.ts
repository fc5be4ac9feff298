/**
 * Joins a pool through configured addresses, again and again until one answers.
 *
 * Source: the reference's retry join and its documentation page of `retry_join`.
 */
import type { Clock } from "../lib/clock.ts";
import { ProconsulError } from "../lib/errors.ts";
import { renderGoDurationMs } from "../lib/go-duration.ts";
import type { Log } from "../lib/log.ts";
import { pause } from "../lib/pause.ts";

export interface RetryJoinOptions {
  /** Addresses or names, with or without a port. */
  readonly addresses: readonly string[];
  readonly intervalMs: number;
  /** Failed attempts after which it gives up; `undefined`: never. */
  readonly attemptsMax: number | undefined;
  /** Answers how many were joined; rejects if none was. */
  join(addresses: readonly string[]): Promise<number>;
}

/** Every attempt failed; the agent cannot do its work and ends. */
export class JoinExhaustedError extends ProconsulError {
  readonly code = "join-exhausted";
  constructor() {
    super("agent: max join retry exhausted, exiting");
  }
}

/** Settles once joined, or when aborted. Rejects with `JoinExhaustedError`. */
export async function retryJoin(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  options: RetryJoinOptions,
  signal: AbortSignal,
): Promise<void> {
  const addresses = options.addresses.filter((address) => isAddress(address, log));
  if (options.addresses.length === 0) return;
  log.info("Joining cluster...");
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const problem = await attemptJoin(options, addresses, log);
    if (problem === undefined) return;
    if (options.attemptsMax !== undefined && attempt > options.attemptsMax) throw new JoinExhaustedError();
    const retryInterval = renderGoDurationMs(options.intervalMs);
    log.warn("Join cluster failed, will retry", { retry_interval: retryInterval, error: problem });
    await pause(clock, options.intervalMs, signal);
  }
}

/** Cloud discovery needs the clouds' own libraries, which this product does not carry. */
function isAddress(address: string, log: Log): boolean {
  if (!address.includes("provider=")) return true;
  log.error("Cannot discover address", { address, error: "cloud auto-join is not supported" });
  return false;
}

async function attemptJoin(
  options: RetryJoinOptions,
  addresses: readonly string[],
  log: Log,
): Promise<string | undefined> {
  if (addresses.length === 0) return "No servers to join";
  try {
    const count = await options.join(addresses);
    log.info("Join cluster completed. Synced with initial agents", { num_agents: count });
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message;
  }
}
