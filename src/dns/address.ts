/** Which address of a node or service an answer carries. Source: the reference's address translation. */
import { isIpv4, parseIp } from "../lib/ip.ts";
import { dnsType } from "../wire/dns/message.ts";

/** What the question can use. */
export type AddressFamily = "ipv4" | "ipv6" | "any";

/** The family that a question of some type asks for. */
export function familyOf(questionType: number): AddressFamily {
  if (questionType === dnsType.A) return "ipv4";
  return questionType === dnsType.AAAA ? "ipv6" : "any";
}

export interface AddressChoice {
  readonly address: string;
  /** Tagged addresses in text, by tag. */
  readonly tagged: (tag: string) => string | undefined;
  /** Whether the wide-area addresses are meant. */
  readonly wan: boolean;
  readonly family: AddressFamily;
}

/** The address in text; "" if there is none of the family. A name counts as being of every family. */
export function chooseAddress({ address, tagged, wan, family }: AddressChoice): string {
  const pick = (lan: string, wide: string): string => (wan ? tagged(wide) : undefined) ?? tagged(lan) ?? "";
  const main = wan ? (tagged("wan") ?? address) : address;
  const v6 = family === "ipv4" ? "" : pick("lan_ipv6", "wan_ipv6");
  const v4 = family === "ipv6" ? "" : pick("lan_ipv4", "wan_ipv4");
  if (v6 !== "") return v6;
  if (v4 !== "") return v4;
  return main;
}

/** An address as a record carries it. */
export interface RecordAddress {
  readonly kind: "A" | "AAAA";
  readonly bytes: Uint8Array;
}

/** The record address of a text; `undefined` if it is a name. */
export function recordAddress(text: string): RecordAddress | undefined {
  const ip = parseIp(text);
  if (ip === undefined) return undefined;
  return isIpv4(ip) ? { kind: "A", bytes: ip.subarray(12) } : { kind: "AAAA", bytes: ip };
}

/** Lower-case hexadecimal, as in `0a000001.addr.consul.`. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
