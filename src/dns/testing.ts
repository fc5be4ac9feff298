/** For tests: settings with something in every place. */
import type { DnsSettings } from "./settings.ts";

export const testSettings: DnsSettings = {
  domain: "consul.",
  altDomain: "alt.example.",
  datacenter: "dc1",
  nodeName: "agent-1",
  translateWanAddrs: false,
  recursors: [],
  recursorStrategy: "sequential",
  recursorTimeoutMs: 500,
  allowStale: true,
  maxStaleMs: 1e9,
  nodeTtlMs: 0,
  serviceTtlMs: { web: 5_000, "w*": 9_000 },
  onlyPassing: false,
  enableTruncate: true,
  compression: true,
  udpAnswerLimit: 3,
  aRecordLimit: undefined,
  nodeMetaTxt: true,
  useCache: false,
  cacheMaxAgeMs: undefined,
  soa: { refresh: 1, retry: 2, expire: 3, minTtl: 4 },
};
