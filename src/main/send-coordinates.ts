/** Has the agent tell the servers where it stands in the network. */
import { startCoordinateSender } from "../agent/coordinate-sender.ts";
import type { Config } from "../config/config.ts";
import type { Clock } from "../lib/clock.ts";
import { millisecondNs, parseDuration } from "../lib/duration.ts";
import type { Log } from "../lib/log.ts";
import type { AgentCore } from "./agent-core.ts";

const intervalMinMs = 15_000;
const rateTarget = 64;

export interface SendCoordinatesParts {
  readonly config: Config;
  readonly core: AgentCore;
  readonly clock: Clock;
  readonly log: Log;
  /** Uniform integer below `limit`. */
  random(limit: number): number;
}

/** Sends until disposed; nothing where coordinates are off. */
export function sendCoordinates({ config, core, clock, log, random }: SendCoordinatesParts): Disposable {
  if (!config.coordinates) return { [Symbol.dispose]: () => undefined };
  const { settings } = config;
  const intervalNs = parseDuration(settings.text("sync_coordinate_interval_min") ?? "");
  const { lan } = core.pools;
  return startCoordinateSender({
    rpc: core.rpc,
    clock,
    log,
    pool: lan,
    datacenter: config.datacenter,
    nodeName: config.nodeName,
    intervalMinMs: intervalNs === undefined ? intervalMinMs : intervalNs / millisecondNs,
    rateTarget: settings.number("sync_coordinate_rate_target") ?? rateTarget,
    random,
    coordinates: () => {
      const coordinate = lan.coordinate();
      return coordinate === undefined ? {} : { "": coordinate };
    },
    // Tokens come with access control.
    token: () => "",
  });
}
