/** The record that says who answers for a domain. Source: RFC 1035 section 3.3.13. */
import type { DnsRecord } from "../wire/dns/message.ts";
import type { DnsSettings } from "./settings.ts";

/** The record of the domain that `name` is in; its serial number is the time. */
export function soaRecord(settings: DnsSettings, name: string, wallMs: number): DnsRecord {
  const { soa, altDomain } = settings;
  const domain = altDomain !== undefined && name.endsWith(`.${altDomain}`) ? altDomain : settings.domain;
  return {
    name: domain,
    ttl: soa.minTtl,
    data: {
      kind: "SOA",
      primary: `ns.${domain}`,
      mailbox: `hostmaster.${domain}`,
      serial: Math.floor(wallMs / 1_000),
      refresh: soa.refresh,
      retry: soa.retry,
      expire: soa.expire,
      minTtl: soa.minTtl,
    },
  };
}
