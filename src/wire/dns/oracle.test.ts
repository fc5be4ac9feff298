/** Our codec and the library dns-packet must read each other's messages, and say the same of them. */
import { describe, expect, test } from "bun:test";
import { decode, encode, type Answer, type DecodedPacket, type Packet } from "dns-packet";
import fc from "fast-check";
import { unreachable } from "../../lib/assert.ts";
import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import { classInternet, dnsType, type DnsData, type DnsMessage, type DnsRecord } from "./message.ts";

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => `${labels.join(".")}.`);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0x7fff_ffff);
const address = (size: number): fc.Arbitrary<Uint8Array> =>
  // An odd first byte keeps IPv6 clear of the forms that are shown as IPv4.
  fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => bytes.with(0, 0x21));

const data: fc.Arbitrary<DnsData> = fc.oneof(
  fc.record({ kind: fc.constant("A" as const), address: address(4) }),
  fc.record({ kind: fc.constant("AAAA" as const), address: address(16) }),
  fc.record({ kind: fc.constantFrom("CNAME" as const, "NS" as const, "PTR" as const), target: name }),
  fc.record({ kind: fc.constant("SRV" as const), priority: u16, weight: u16, port: u16, target: name }),
  fc.record({
    kind: fc.constant("SOA" as const),
    primary: name,
    mailbox: name,
    serial: u32,
    refresh: u32,
    retry: u32,
    expire: u32,
    minTtl: u32,
  }),
);
const record: fc.Arbitrary<DnsRecord> = fc.record({ name, ttl: u32, data });
const records = fc.array(record, { maxLength: 8 });

const message: fc.Arbitrary<DnsMessage> = fc.record({
  id: u16,
  response: fc.constant(true),
  opcode: fc.constant(0),
  authoritative: fc.boolean(),
  truncated: fc.boolean(),
  recursionDesired: fc.boolean(),
  recursionAvailable: fc.boolean(),
  checkingDisabled: fc.boolean(),
  rcode: fc.nat(5),
  questions: fc.array(
    fc.record({
      name,
      type: fc.constantFrom(dnsType.A, dnsType.SRV, dnsType.TXT),
      class: fc.constant(classInternet),
    }),
    { maxLength: 2 },
  ),
  answers: records,
  authority: records,
  additional: records,
  edns: fc.option(
    fc.record({ udpBytes: fc.integer({ min: 1, max: 0xffff }), subnet: fc.constant(undefined) }),
    { nil: undefined },
  ),
});

/** Names without the dot at the end, as the library has them. */
const bare = (text: string): string => text.slice(0, -1);

function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  return groups.join(":");
}

function toAnswer({ name: owner, ttl, data: own }: DnsRecord): Answer {
  const common = { name: bare(owner), ttl, class: "IN" as const };
  switch (own.kind) {
    case "A":
    case "AAAA":
      return { ...common, type: own.kind, data: ipText(own.address) };
    case "CNAME":
    case "NS":
    case "PTR":
      return { ...common, type: own.kind, data: bare(own.target) };
    case "SRV": {
      const { priority, weight, port, target } = own;
      return { ...common, type: "SRV", data: { priority, weight, port, target: bare(target) } };
    }
    case "SOA": {
      const { serial, refresh, retry, expire, primary, mailbox, minTtl: minimum } = own;
      const times = { serial, refresh, retry, expire, minimum };
      return { ...common, type: "SOA", data: { mname: bare(primary), rname: bare(mailbox), ...times } };
    }
    case "TXT":
    case "other":
      throw new Error("not generated");
    default:
      return unreachable(own);
  }
}

const typeNames: Readonly<Record<number, "A" | "SRV" | "TXT">> = { 1: "A", 33: "SRV", 16: "TXT" };

function toPacket(own: DnsMessage): Packet {
  const opt: Answer[] =
    own.edns === undefined
      ? []
      : [
          {
            name: ".",
            type: "OPT",
            udpPayloadSize: own.edns.udpBytes,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ];
  return {
    id: own.id,
    type: "response",
    flags:
      (own.authoritative ? 0x400 : 0) |
      (own.truncated ? 0x200 : 0) |
      (own.recursionDesired ? 0x100 : 0) |
      (own.recursionAvailable ? 0x80 : 0) |
      (own.checkingDisabled ? 0x10 : 0) |
      own.rcode,
    questions: own.questions.map(({ name: asked, type }) => ({
      name: bare(asked),
      type: typeNames[type] ?? "A",
      class: "IN",
    })),
    answers: own.answers.map(toAnswer),
    authorities: own.authority.map(toAnswer),
    additionals: [...own.additional.map(toAnswer), ...opt],
  };
}

/** What both must say: addresses as bytes, since texts of IPv6 differ in their zeros. */
function essence(packet: Packet | DecodedPacket): unknown {
  const answer = (one: Answer): unknown => {
    if (one.type === "OPT") return { type: "OPT", size: one.udpPayloadSize };
    const {
      name: owner,
      type,
      ttl,
      data: content,
    } = one as {
      readonly name: string;
      readonly type: string;
      readonly ttl?: number;
      readonly data: unknown;
    };
    const isV6 = type === "AAAA" && typeof content === "string";
    return { owner, type, ttl, content: isV6 ? new URL(`http://[${content}]`).hostname : content };
  };
  return {
    id: packet.id,
    flags: (packet.flags ?? 0) & 0x7fff,
    questions: packet.questions,
    answers: packet.answers?.map(answer),
    authorities: packet.authorities?.map(answer),
    additionals: packet.additionals?.map(answer),
  };
}

describe("dns-packet", () => {
  test("reads what we write, compressed or not", () => {
    fc.assert(
      fc.property(message, fc.boolean(), (own, compress) => {
        const read = decode(Buffer.from(encodeMessage(own, { compress })));
        expect(essence(read)).toEqual(essence(toPacket(own)));
      }),
      { numRuns: 300 },
    );
  });

  test("writes what we read", () => {
    fc.assert(
      fc.property(message, (own) => {
        expect(decodeMessage(encode(toPacket(own)))).toEqual(own);
      }),
      { numRuns: 300 },
    );
  });

  test("reads our texts, also those of more than one string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), (text) => {
        const own: DnsRecord = { name: "n.node.consul.", ttl: 0, data: { kind: "TXT", text } };
        const base = fc.sample(message, { numRuns: 1, seed: 1 })[0];
        if (base === undefined) return;
        const bytes = encodeMessage({ ...base, answers: [own] }, { compress: true });
        const [answer] = decode(Buffer.from(bytes)).answers ?? [];
        const strings = answer?.type === "TXT" ? [answer.data].flat() : [];
        expect(Buffer.concat(strings.map((one) => Buffer.from(one))).toString()).toBe(text);
      }),
      { numRuns: 100 },
    );
  });
});
