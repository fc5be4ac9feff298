import { defaultCacheRate } from "../agent/cache.ts";
import type { Rate } from "../agent/rate-limit.ts";
import type { Config } from "../config/config.ts";

/** How often one entry of the agent's cache may be fetched, as configured. A rate below 0 is no limit. */
export function cacheRate({ settings }: Pick<Config, "settings">): Rate {
  const perSecond = settings.number("cache.entry_fetch_rate");
  return {
    burst: settings.number("cache.entry_fetch_max_burst") ?? defaultCacheRate.burst,
    perSecond: perSecond === undefined || perSecond < 0 ? undefined : perSecond,
  };
}
