/** `0a000001.addr.consul.`: names that spell an address. Source: the reference's DNS interface. */
import { dnsType, type DnsQuestion, type DnsRecord } from "../wire/dns/message.ts";
import { found, noSuchName, type Found } from "./answers.ts";
import { nameOfOurs, seconds, type DnsSettings } from "./settings.ts";

/** The answer to a question about such a name; `hex` is its first label. */
export function addressInName(settings: DnsSettings, question: DnsQuestion, hex: string): Found {
  const size = Math.floor(hex.length / 2);
  if (size !== 4 && size !== 16) return found({ answers: [] });
  if (!/^(?:[\da-f]{2})+$/u.test(hex)) return noSuchName;
  const address = Uint8Array.from(hex.match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16));
  const kind = size === 4 ? "A" : "AAAA";
  const name = nameOfOurs(settings, question.name);
  const record: DnsRecord = { name, ttl: seconds(settings.nodeTtlMs), data: { kind, address } };
  const isAsked = question.type === dnsType[kind] || question.type === dnsType.ANY;
  return isAsked ? found({ answers: [record] }) : found({ answers: [], additional: [record] });
}
