/** Bytes to DNS messages. Every length is checked; anything wrong is a `DecodeError`. */
import { DecodeError } from "../../lib/errors.ts";
import {
  dnsType,
  type ClientSubnet,
  type DnsCounts,
  type DnsData,
  type DnsHeader,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  type Edns,
} from "./message.ts";
import { decodeName } from "./name.ts";

export const headerBytes = 12;
const subnetOption = 8;

/** The header alone, to decide whether to read on; `undefined` if there are not even 12 bytes. */
export function decodeHeader(
  bytes: Uint8Array,
): { readonly header: DnsHeader; readonly counts: DnsCounts } | undefined {
  if (bytes.length < headerBytes) return undefined;
  const flags = u16(bytes, 2);
  const header: DnsHeader = {
    id: u16(bytes, 0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    rcode: flags & 15,
  };
  const counts: DnsCounts = {
    questions: u16(bytes, 4),
    answers: u16(bytes, 6),
    authority: u16(bytes, 8),
    additional: u16(bytes, 10),
  };
  return { header, counts };
}

/**
 * A whole message. One that ends before all promised records have come just has fewer, as the reference's library takes
 * it; one that ends within a record is an error. Bytes after it are not read.
 */
export function decodeMessage(bytes: Uint8Array): DnsMessage {
  const head = decodeHeader(bytes);
  if (head === undefined) throw new DecodeError("dns: a message has at least 12 bytes");
  let at = headerBytes;
  const questions: DnsQuestion[] = [];
  for (let index = 0; index < head.counts.questions; index += 1) {
    const { question, end } = decodeQuestion(bytes, at);
    questions.push(question);
    at = end;
  }
  let edns: Edns | undefined;
  const section = (count: number): readonly DnsRecord[] => {
    const records: DnsRecord[] = [];
    for (let index = 0; index < count && at < bytes.length; index += 1) {
      const { name, end } = decodeName(bytes, at);
      const type = u16(bytes, end);
      const size = u16(bytes, end + 8);
      const start = end + 10;
      at = start + size;
      if (at > bytes.length) throw new DecodeError("dns: a record goes beyond the message");
      if (type === dnsType.OPT)
        edns ??= { udpBytes: u16(bytes, end + 2), subnet: subnetOf(bytes, start, at) };
      else
        records.push({ name, ttl: u32(bytes, end + 4), data: decodeData(bytes, { type, start, end: at }) });
    }
    return records;
  };
  const answers = section(head.counts.answers);
  const authority = section(head.counts.authority);
  const additional = section(head.counts.additional);
  return { ...head.header, questions, answers, authority, additional, edns };
}

/** One question, with the offset after it. */
export function decodeQuestion(
  bytes: Uint8Array,
  at: number,
): { readonly question: DnsQuestion; readonly end: number } {
  const { name, end } = decodeName(bytes, at);
  return { question: { name, type: u16(bytes, end), class: u16(bytes, end + 2) }, end: end + 4 };
}

function decodeData(
  bytes: Uint8Array,
  { type, start, end }: { readonly type: number; readonly start: number; readonly end: number },
): DnsData {
  const raw = bytes.slice(start, end);
  switch (type) {
    case dnsType.A:
    case dnsType.AAAA: {
      const kind = type === dnsType.A ? "A" : "AAAA";
      if (raw.length !== (kind === "A" ? 4 : 16)) throw new DecodeError("dns: an address of a wrong size");
      return { kind, address: raw };
    }
    case dnsType.CNAME:
      return { kind: "CNAME", target: decodeName(bytes, start).name };
    case dnsType.NS:
      return { kind: "NS", target: decodeName(bytes, start).name };
    case dnsType.PTR:
      return { kind: "PTR", target: decodeName(bytes, start).name };
    case dnsType.SRV:
      if (raw.length < 7) throw new DecodeError("dns: a record is too short");
      return {
        kind: "SRV",
        priority: u16(bytes, start),
        weight: u16(bytes, start + 2),
        port: u16(bytes, start + 4),
        target: decodeName(bytes, start + 6).name,
      };
    case dnsType.SOA:
      return decodeSoa(bytes, start, end);
    default:
      return { kind: "other", type, bytes: raw };
  }
}

function decodeSoa(bytes: Uint8Array, start: number, end: number): DnsData {
  const primary = decodeName(bytes, start);
  const mailbox = decodeName(bytes, primary.end);
  const at = mailbox.end;
  if (at + 20 !== end) throw new DecodeError("dns: a record of a wrong size");
  return {
    kind: "SOA",
    primary: primary.name,
    mailbox: mailbox.name,
    serial: u32(bytes, at),
    refresh: u32(bytes, at + 4),
    retry: u32(bytes, at + 8),
    expire: u32(bytes, at + 12),
    minTtl: u32(bytes, at + 16),
  };
}

function subnetOf(bytes: Uint8Array, start: number, end: number): ClientSubnet | undefined {
  for (let at = start; at + 4 <= end;) {
    const code = u16(bytes, at);
    const size = u16(bytes, at + 2);
    const data = at + 4;
    at = data + size;
    if (at > end) throw new DecodeError("dns: an option goes beyond its record");
    if (code !== subnetOption) continue;
    if (size < 4) throw new DecodeError("dns: a client subnet is too short");
    return decodeSubnet(bytes.subarray(data, at));
  }
  return undefined;
}

/** Families: 1 is IPv4, 2 is IPv6; 0 comes from dig, and says that there is no network. RFC 7871 section 6. */
function decodeSubnet(option: Uint8Array): ClientSubnet {
  const family = u16(option, 0);
  const bitsMax = [0, 32, 128][family];
  const [sourceBits = 0, scopeBits = 0] = option.subarray(2, 4);
  if (bitsMax === undefined || sourceBits > bitsMax || (scopeBits > bitsMax && family !== 0))
    throw new DecodeError("dns: a client subnet of a wrong size");
  return { family, sourceBits, scopeBits, address: option.slice(4, 4 + bitsMax / 8) };
}

function u16(bytes: Uint8Array, at: number): number {
  const high = bytes[at];
  const low = bytes[at + 1];
  if (high === undefined || low === undefined) throw new DecodeError("dns: the message ends too early");
  return (high << 8) | low;
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x1_0000 + u16(bytes, at + 2);
}
