/** What the DNS door must be told. */
import type { Metrics } from "../lib/metrics.ts";
import type { Config } from "../config/config.ts";

/** The reference's threshold. */
const staleNs = 5e9;

type DnsConfig = Config["dns"];

export interface DnsSettings extends DnsConfig {
  readonly datacenter: string;
  readonly nodeName: string;
  readonly translateWanAddrs: boolean;
}

/** Seconds that answers about a service may be kept: of its own name, else of the longest `prefix*`. */
export function serviceTtl({ serviceTtlMs }: DnsSettings, service: string): number {
  const own = Object.hasOwn(serviceTtlMs, service) ? serviceTtlMs[service] : undefined;
  if (own !== undefined) return seconds(own);
  let best = "";
  let found = 0;
  for (const [pattern, ttlMs] of Object.entries(serviceTtlMs)) {
    if (!pattern.endsWith("*") || !service.startsWith(pattern.slice(0, -1))) continue;
    if (pattern.length <= best.length) continue;
    best = pattern;
    found = ttlMs;
  }
  return seconds(found);
}

/** Whole seconds. */
export function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

/** Whether a server heard its leader longer ago than answers may be old. Nanoseconds. */
export function isTooStale({ allowStale, maxStaleMs }: DnsSettings, lastContactNs: number): boolean {
  return allowStale && lastContactNs / 1e6 > maxStaleMs;
}

/** Counts an answer that is more than a few seconds behind. Nanoseconds. */
export function countStale(metrics: Metrics, { allowStale }: DnsSettings, lastContactNs: number): void {
  if (allowStale && lastContactNs > staleNs) metrics.count("dns.stale_queries");
}

/** The domain that a question was asked in, as it was spelled; the main domain if it is in none. */
export function domainOf({ domain, altDomain }: DnsSettings, name: string): string {
  const lower = name.toLowerCase();
  const candidates = [domain, altDomain].flatMap((one) => {
    const own = one?.toLowerCase();
    return own !== undefined && own !== "." && (lower === own || lower.endsWith(`.${own}`)) ? [own] : [];
  });
  const longest = candidates.toSorted((a, b) => b.length - a.length)[0];
  return longest === undefined ? domain : name.slice(name.length - longest.length);
}

/** Whether a name is in one of our domains. */
export function isInDomain(settings: DnsSettings, name: string): boolean {
  const lower = name.toLowerCase();
  return [settings.domain, settings.altDomain].some((one) => {
    const own = one?.toLowerCase();
    return own !== undefined && (lower === own || lower.endsWith(`.${own}`));
  });
}

/** A name in our domain with all but the domain in lower case. */
export function nameOfOurs(settings: DnsSettings, name: string): string {
  const domain = domainOf(settings, name);
  return name.slice(0, -domain.length).toLowerCase() + domain;
}
