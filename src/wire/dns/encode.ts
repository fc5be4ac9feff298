/**
 * DNS messages to bytes, with names compressed where every receiver must understand it: owner names and the targets of
 * CNAME, NS, PTR and SOA, not of SRV (RFC 1035 section 4.1.4, RFC 2782, RFC 3597 section 4).
 */
import { unreachable } from "../../lib/assert.ts";
import {
  classInternet,
  dnsType,
  type ClientSubnet,
  type DnsData,
  type DnsHeader,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  type Edns,
} from "./message.ts";
import { DnsEncodeError, fullName, labelBytes, nameBytesMax, splitName } from "./name.ts";

const pointerOffsetMax = 0x3fff;
const textBytesMax = 255;
const plainLabel = /^[\x21\x23-\x27\x2a-\x2d\x2f-\x3a\x3c-\x3f\x41-\x5b\x5d-\x7e]{1,63}$/u;

/** Encodes a message. Throws `DnsEncodeError` if a name or the whole is too long. */
export function encodeMessage(message: DnsMessage, { compress }: { readonly compress: boolean }): Uint8Array {
  return new Encoder(compress).message(message);
}

/** The data of a TXT record: a text longer than one string goes out as several. */
export function encodeText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const count = Math.max(1, Math.ceil(bytes.length / textBytesMax));
  const strings = new Uint8Array(bytes.length + count);
  for (let index = 0; index < count; index += 1) {
    const piece = bytes.subarray(index * textBytesMax, (index + 1) * textBytesMax);
    const at = index * (textBytesMax + 1);
    strings[at] = piece.length;
    strings.set(piece, at + 1);
  }
  return strings;
}

/** As many bits as the network has, in whole bytes; the rest is 0. Source: RFC 7871 section 6. */
function networkOf({ sourceBits, address }: ClientSubnet): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(sourceBits / 8));
  bytes.set(address.subarray(0, bytes.length));
  const spareBits = bytes.length * 8 - sourceBits;
  const last = bytes.length - 1;
  if (spareBits > 0) bytes[last] = ((bytes[last] ?? 0) >> spareBits) << spareBits;
  return bytes;
}

class Encoder {
  #bytes = new Uint8Array(512);
  #length = 0;
  readonly #compress: boolean;
  /** Offset of each name that was written, by its text. */
  readonly #names = new Map<string, number>();

  constructor(compress: boolean) {
    this.#compress = compress;
  }

  message(message: DnsMessage): Uint8Array {
    const { questions, answers, authority, additional, edns } = message;
    this.#header(message);
    this.#u16(questions.length);
    this.#u16(answers.length);
    this.#u16(authority.length);
    this.#u16(additional.length + (edns === undefined ? 0 : 1));
    for (const question of questions) this.#question(question);
    for (const section of [answers, authority, additional])
      for (const record of section) this.#record(record);
    if (edns !== undefined) this.#edns(edns);
    return this.#bytes.slice(0, this.#length);
  }

  #header(header: DnsHeader): void {
    this.#u16(header.id);
    this.#u16(
      (header.response ? 0x8000 : 0) |
        (header.opcode << 11) |
        (header.authoritative ? 0x0400 : 0) |
        (header.truncated ? 0x0200 : 0) |
        (header.recursionDesired ? 0x0100 : 0) |
        (header.recursionAvailable ? 0x0080 : 0) |
        (header.checkingDisabled ? 0x0010 : 0) |
        header.rcode,
    );
  }

  #question({ name, type, class: questionClass }: DnsQuestion): void {
    this.#name(name, true);
    this.#u16(type);
    this.#u16(questionClass);
  }

  #record({ name, ttl, data }: DnsRecord): void {
    this.#name(name, true);
    this.#u16(data.kind === "other" ? data.type : dnsType[data.kind]);
    this.#u16(classInternet);
    this.#u32(ttl);
    const at = this.#length;
    this.#u16(0);
    this.#data(data);
    const size = this.#length - at - 2;
    this.#bytes[at] = size >> 8;
    this.#bytes[at + 1] = size & 255;
  }

  #data(data: DnsData): void {
    switch (data.kind) {
      case "A":
      case "AAAA":
        return this.#raw(data.address);
      case "CNAME":
      case "NS":
      case "PTR":
        return this.#name(data.target, true);
      case "SRV":
        this.#u16(data.priority);
        this.#u16(data.weight);
        this.#u16(data.port);
        return this.#name(data.target, false);
      case "TXT":
        return this.#raw(encodeText(data.text));
      case "SOA":
        this.#name(data.primary, true);
        this.#name(data.mailbox, true);
        for (const value of [data.serial, data.refresh, data.retry, data.expire, data.minTtl])
          this.#u32(value);
        return undefined;
      case "other":
        return this.#raw(data.bytes);
      default:
        return unreachable(data);
    }
  }

  #edns({ udpBytes, subnet }: Edns): void {
    this.#u8(0);
    this.#u16(dnsType.OPT);
    this.#u16(udpBytes);
    this.#u32(0);
    if (subnet === undefined) return this.#u16(0);
    const address = networkOf(subnet);
    this.#u16(8 + address.length);
    this.#u16(8);
    this.#u16(4 + address.length);
    this.#u16(subnet.family);
    this.#u8(subnet.sourceBits);
    this.#u8(subnet.scopeBits);
    return this.#raw(address);
  }

  #name(name: string, compress: boolean): void {
    const start = this.#length;
    for (let rest = fullName(name); rest !== ".";) {
      const known = this.#compress ? this.#names.get(rest) : undefined;
      if (known !== undefined && compress) return this.#u16(0xc000 | known);
      if (known === undefined && this.#length <= pointerOffsetMax) this.#names.set(rest, this.#length);
      const dot = rest.indexOf(".");
      const plain = rest.slice(0, dot);
      if (plainLabel.test(plain)) {
        this.#u8(plain.length);
        this.#ascii(plain);
        rest = rest.slice(dot + 1) || ".";
      } else {
        const [label = ""] = splitName(rest);
        const bytes = labelBytes(label);
        this.#u8(bytes.length);
        this.#raw(bytes);
        rest = rest.slice(label.length + 1) || ".";
      }
      if (this.#length - start >= nameBytesMax)
        throw new DnsEncodeError("dns: a name is longer than 255 bytes");
    }
    return this.#u8(0);
  }

  #ascii(text: string): void {
    this.#reserve(text.length);
    for (let index = 0; index < text.length; index += 1)
      this.#bytes[this.#length + index] = text.charCodeAt(index);
    this.#length += text.length;
  }

  #u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  #u16(value: number): void {
    this.#reserve(2);
    this.#bytes[this.#length] = value >> 8;
    this.#bytes[this.#length + 1] = value & 255;
    this.#length += 2;
  }

  #u32(value: number): void {
    this.#u16(Math.floor(value / 0x1_0000) & 0xffff);
    this.#u16(value & 0xffff);
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Sizes are checked against the limit by who trims: a message that is too long may be measured. */
  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
