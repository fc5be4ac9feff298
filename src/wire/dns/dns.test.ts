import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DecodeError } from "../../lib/errors.ts";
import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import { classInternet, dnsType, type DnsMessage, type DnsRecord } from "./message.ts";
import { decodeName, DnsEncodeError, splitName } from "./name.ts";

const empty: DnsMessage = {
  id: 0x1234,
  response: true,
  opcode: 0,
  authoritative: true,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: false,
  checkingDisabled: false,
  rcode: 0,
  questions: [{ name: "web.service.consul.", type: dnsType.SRV, class: classInternet }],
  answers: [],
  authority: [],
  additional: [],
  edns: undefined,
};

const address = Uint8Array.of(10, 0, 0, 1);
const service: DnsRecord = {
  name: "web.service.consul.",
  ttl: 7,
  data: { kind: "SRV", priority: 1, weight: 2, port: 80, target: "a.node.dc1.consul." },
};

describe("messages", () => {
  test("are what they were after a round trip, compressed or not", () => {
    const message: DnsMessage = {
      ...empty,
      answers: [
        service,
        { name: "web.service.consul.", ttl: 0, data: { kind: "CNAME", target: "x.example." } },
      ],
      authority: [{ name: "consul.", ttl: 1, data: { kind: "NS", target: "s1.node.dc1.consul." } }],
      additional: [
        { name: "a.node.dc1.consul.", ttl: 0, data: { kind: "A", address } },
        { name: "a.node.dc1.consul.", ttl: 0, data: { kind: "AAAA", address: new Uint8Array(16) } },
      ],
      edns: {
        udpBytes: 1232,
        subnet: { family: 1, sourceBits: 24, scopeBits: 0, address: Uint8Array.of(10, 0, 0) },
      },
    };
    for (const compress of [true, false]) {
      expect(decodeMessage(encodeMessage(message, { compress }))).toEqual(message);
    }
  });

  const optHead = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0];
  const optionOf = (...content: readonly number[]): Uint8Array =>
    Uint8Array.from([
      ...encodeMessage(empty, { compress: true }).with(11, 1),
      ...optHead,
      4 + content.length,
      0,
      8,
      0,
      content.length,
      ...content,
    ]);

  test.each([
    { what: "IPv4", content: [0, 1, 24, 0, 10, 1, 2], repeated: [10, 1, 2] },
    {
      what: "IPv4 with more bytes than bits",
      content: [0, 1, 20, 0, 10, 1, 0xff, 9, 9],
      repeated: [10, 1, 0xf0],
    },
    { what: "IPv4 with fewer bytes than bits", content: [0, 1, 32, 0, 10], repeated: [10, 0, 0, 0] },
    { what: "IPv6", content: [0, 2, 7, 0, 0xff], repeated: [0xfe] },
    { what: "no family, as dig says that there is none", content: [0, 0, 0, 0], repeated: [] },
  ])("repeat a client subnet of $what", ({ content, repeated }) => {
    const bytes = encodeMessage(decodeMessage(optionOf(...content)), { compress: true });
    expect([...bytes.subarray(-repeated.length - 4)]).toEqual([...content.slice(0, 4), ...repeated]);
  });

  test.each([
    { what: "a family that nobody knows", content: [0, 3, 24, 0, 10, 1, 2] },
    { what: "no family and bits", content: [0, 0, 8, 0, 10] },
    { what: "33 bits of IPv4", content: [0, 1, 33, 0, 10] },
    { what: "a scope of 33 bits of IPv4", content: [0, 1, 32, 33, 10] },
    { what: "129 bits of IPv6", content: [0, 2, 129, 0, 10] },
    { what: "three bytes", content: [0, 1, 24] },
  ])("with a client subnet of $what are errors", ({ content }) => {
    expect(() => decodeMessage(optionOf(...content))).toThrow(DecodeError);
  });

  test("name a repeated owner by a pointer, but never the target of an SRV record", () => {
    const bytes = encodeMessage({ ...empty, answers: [service, service] }, { compress: true });
    // The header, the question, then the owner as a pointer to it.
    expect([...bytes.subarray(12 + 24, 12 + 26)]).toEqual([0xc0, 12]);
    const target = new TextEncoder().encode("\u0001a\u0004node\u0003dc1\u0006consul\u0000");
    expect(Buffer.from(bytes).toString("latin1").split(Buffer.from(target).toString("latin1"))).toHaveLength(
      3,
    );
  });

  test("cannot carry labels of more than 63 bytes or names of more than 255", () => {
    const named = (name: string): DnsMessage => ({ ...empty, answers: [{ ...service, name }] });
    expect(() => encodeMessage(named(`${"a".repeat(64)}.consul.`), { compress: true })).toThrow(
      DnsEncodeError,
    );
    expect(() => encodeMessage(named(`${"a.".repeat(130)}`), { compress: true })).toThrow(DnsEncodeError);
    expect(() => encodeMessage(named("a..consul."), { compress: true })).toThrow(DnsEncodeError);
  });

  test("split texts longer than 255 bytes", () => {
    const text = "x".repeat(300);
    const bytes = encodeMessage(
      { ...empty, answers: [{ name: "n.", ttl: 0, data: { kind: "TXT", text } }] },
      { compress: true },
    );
    const { data } = decodeMessage(bytes).answers[0] ?? service;
    expect(data.kind === "other" ? [data.bytes[0], data.bytes[256], data.bytes.length] : []).toEqual([
      255, 45, 302,
    ]);
  });
});

describe("names", () => {
  test("escape what would be misread", () => {
    const bytes = Uint8Array.of(4, 0x61, 0x2e, 0x20, 0x01, 1, 0x62, 0);
    const { name } = decodeName(bytes, 0);
    expect(name).toBe(String.raw`a\.\ \001.b.`);
    expect(splitName(name)).toEqual([String.raw`a\.\ \001`, "b"]);
    const message = { ...empty, questions: [{ name, type: 1, class: 1 }] };
    expect(encodeMessage(message, { compress: true }).subarray(12, 20)).toEqual(bytes);
  });

  test("that point at themselves or beyond the message are refused", () => {
    expect(() => decodeName(Uint8Array.of(0xc0, 0), 0)).toThrow(DecodeError);
    expect(() => decodeName(Uint8Array.of(5, 1), 0)).toThrow(DecodeError);
    expect(() => decodeName(Uint8Array.of(0x80, 1), 0)).toThrow(DecodeError);
  });
});

test("any bytes decode or are refused", () => {
  const header = Uint8Array.of(0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 2);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (tail, hasHeader) => {
      const bytes = hasHeader ? Uint8Array.from([...header, ...tail]) : tail;
      try {
        decodeMessage(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
    { numRuns: 2_000 },
  );
});
