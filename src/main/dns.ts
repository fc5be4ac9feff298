/** Builds the DNS door and opens it on the configured addresses. */
import type { AgentCache } from "../agent/cache.ts";
import { CachedRpc } from "../agent/cached-rpc.ts";
import type { Config } from "../config/config.ts";
import { SharedRpc } from "../agent/shared-rpc.ts";
import { DnsDoor } from "../dns/dns-door.ts";
import { Recursors } from "../dns/recursor.ts";
import { DnsResolver } from "../dns/resolver.ts";
import type { DnsSettings } from "../dns/settings.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { hostPort, type Net } from "../lib/net.ts";
import { afterIo } from "../runtime/clock.ts";
import { fullName } from "../wire/dns/name.ts";
import type { Rpc } from "../wire/rpc/method.ts";

export interface DnsParts {
  readonly config: Config;
  readonly rpc: Rpc;
  /** Asked in place of servers, where the configuration says so. */
  readonly cache: AgentCache;
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  random(limit: number): number;
}

export interface DnsService {
  /** Takes over reloaded settings. */
  reload(config: Config): void;
  close(): Promise<void>;
}

/** Clients have to ask a server in any case, so that a plan saves them less than it does a server. */
const planAfterOnClients = 8;

/** Listens everywhere or nowhere. Rejects with `NetworkError`. */
export async function openDns(parts: DnsParts): Promise<DnsService> {
  const log = parts.log.named("dns");
  const common = { net: parts.net, clock: parts.clock, log };
  let settings = dnsSettings(parts.config);
  const resolver = new DnsResolver({
    settings: () => settings,
    rpc: new CachedRpc(shared(parts), parts.cache, () => settings),
    recursors: new Recursors({ ...common, random: (limit) => parts.random(limit) }),
    clock: parts.clock,
    log,
    metrics: parts.metrics,
    timerLabels: [{ name: "node", value: parts.config.nodeName }],
    planAfter: parts.rpc.keep === undefined && !settings.useCache ? planAfterOnClients : 2,
    token: () => "",
    random: (limit) => parts.random(limit),
  });
  const door = new DnsDoor({
    ...common,
    metrics: parts.metrics,
    resolver,
    compression: () => settings.compression,
  });
  try {
    for (const address of parts.config.addresses.dns) {
      const bound = await door.listen(address);
      parts.log.info("Started DNS server", { address: hostPort(bound), network: "tcp and udp" });
    }
  } catch (error) {
    await door.close();
    throw error;
  }
  return {
    // The zones are those of the start: who was told of them goes on asking for them.
    reload: (config) => {
      const { domain, altDomain } = settings;
      settings = { ...dnsSettings(config), domain, altDomain };
    },
    close: () => door.close(),
  };
}

/** Servers look into their own catalog; clients ask once for all who ask the same at the time. */
function shared({ rpc, clock }: DnsParts): Rpc {
  return rpc.keep === undefined ? new SharedRpc({ rpc, clock, defer: afterIo }) : rpc;
}

function dnsSettings(config: Config): DnsSettings {
  const { dns, datacenter, nodeName, translateWanAddrs } = config;
  const altDomain = dns.altDomain === undefined ? undefined : zoneName(dns.altDomain);
  return { ...dns, domain: zoneName(dns.domain), altDomain, datacenter, nodeName, translateWanAddrs };
}

/** Domains are compared in lower case and end in a dot, however they were configured. */
function zoneName(domain: string): string {
  return fullName(domain.toLowerCase());
}
