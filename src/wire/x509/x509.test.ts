/** Certificates as bytes. The hexadecimal texts are what the reference writes (Consul 1.16.4, `openssl asn1parse`). */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseCidr, parseIp } from "../../lib/ip.ts";
import { checkIssued } from "./check-issued.ts";
import { toExtensions, type ExtensionSpec } from "./extensions.ts";
import { encodeSubject } from "./names.ts";
import { decodePem, encodePem } from "./pem.ts";
import { readIssuer, type IssuerFacts } from "./read-certificate.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("PEM", () => {
  test("any bytes come back, with text around them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = `before\n${encodePem({ label: "CERTIFICATE", bytes })}after`;
        expect(decodePem(text)).toEqual({ label: "CERTIFICATE", bytes });
      }),
    );
  });

  test.each([
    ["nothing", ""],
    ["no base64", "-----BEGIN A-----\n%%%%\n-----END A-----\n"],
    ["another end", "-----BEGIN A-----\nAAAA\n-----END B-----\n"],
  ])("%s is no block", (_name, text) => {
    expect(decodePem(text)).toBeUndefined();
  });

  test("the first block counts, with lines that end as on Windows, and headers", () => {
    const one = "-----BEGIN A-----\r\nProc-Type: 4,ENCRYPTED\r\n\r\nAQID\r\n-----END A-----\r\n";
    expect(decodePem(`${one}${encodePem({ label: "B", bytes: Uint8Array.of(4) })}`)).toEqual({
      label: "A",
      bytes: Uint8Array.of(1, 2, 3),
    });
  });
});

test.each([
  ["server.dc1.consul", "301c311a3018060355040313117365727665722e6463312e636f6e73756c"],
  // Neither a star nor what is not ASCII is in PrintableString.
  ["x y*é", "3011310f300d06035504030c067820792ac3a9"],
])("the name %s", (commonName, expected) => {
  expect(hex(encodeSubject({ commonName }))).toBe(expected);
});

describe("extensions", () => {
  const none: ExtensionSpec = {
    isAuthority: false,
    roles: [],
    subjectKeyId: Uint8Array.of(1),
    authorityKeyId: Uint8Array.of(2),
    dnsNames: [],
    ipAddresses: [],
    uris: [],
    permittedDnsNames: [],
  };
  const written = (spec: Partial<ExtensionSpec>): readonly string[] =>
    toExtensions({ ...none, ...spec }).map(
      ({ extnID, critical, extnValue }) =>
        `${extnID}${critical ? " critical" : ""} ${hex(new Uint8Array(extnValue.buffer))}`,
    );

  test("of an authority with limits", () => {
    expect(
      written({
        isAuthority: true,
        uris: ["spiffe://abc.foo.com"],
        permittedDnsNames: ["bar", "foo.com", "localhost"],
      }),
    ).toEqual([
      "2.5.29.15 critical 03020186",
      "2.5.29.19 critical 30030101ff",
      "2.5.29.14 040101",
      "2.5.29.35 3003800102",
      "2.5.29.17 301686147370696666653a2f2f6162632e666f6f2e636f6d",
      "2.5.29.30 critical 3021a01f3005820362617230098207666f6f2e636f6d300b82096c6f63616c686f7374",
    ]);
  });

  test("of a server", () => {
    const ipAddresses = ["127.0.0.1", "::1"].map((text) => parseIp(text) ?? Uint8Array.of());
    expect(written({ roles: ["server", "client"], dnsNames: ["a"], ipAddresses })).toEqual([
      "2.5.29.15 critical 030205a0",
      "2.5.29.37 301406082b0601050507030106082b06010505070302",
      "2.5.29.19 critical 3000",
      "2.5.29.14 040101",
      "2.5.29.35 3003800102",
      `2.5.29.17 301b82016187047f0000018710${"00".repeat(15)}01`,
    ]);
  });

  test("an issuer without a key identifier has none to point to", () => {
    expect(written({ authorityKeyId: new Uint8Array() }).some((text) => text.startsWith("2.5.29.35"))).toBe(
      false,
    );
  });

  test("names are ASCII", () => {
    expect(() => written({ dnsNames: ["é"] })).toThrow('x509: "é" cannot be encoded as an IA5String');
  });
});

describe("what an authority has signed", () => {
  const second = 1000;
  const issuer: IssuerFacts = {
    subject: new Uint8Array(),
    shortName: "root",
    subjectKeyId: new Uint8Array(),
    notBeforeMs: 0,
    notAfterMs: 100 * second,
    maySign: true,
    allowsServers: true,
    permitted: { dnsNames: [], networks: [] },
    excluded: { dnsNames: [], networks: [] },
  };
  const issued = {
    notBeforeMs: 10 * second + 700,
    notAfterMs: 20 * second + 700,
    dnsNames: ["a.Consul", "localhost"],
    ipAddresses: [parseIp("127.0.0.1") ?? Uint8Array.of()],
  };
  const networks = [parseCidr("127.0.0.0/8")].filter((network) => network !== undefined);
  const unauthorized = "x509: a root or intermediate certificate is not authorized to sign for this name: ";
  const expired = "x509: certificate has expired or is not yet valid: current time 1970-01-01T00:00:";

  test.each<[string, Partial<IssuerFacts> & { readonly now?: number }, string | undefined]>([
    ["is good", {}, undefined],
    ["is good in its first second", { now: 10 }, undefined],
    ["is too early", { now: 9.9 }, `${expired}09Z is before 1970-01-01T00:00:10Z`],
    ["has expired", { now: 20.1 }, `${expired}20Z is after 1970-01-01T00:00:20Z`],
    ["outlives its authority", { notAfterMs: 0 }, `${expired}15Z is after 1970-01-01T00:00:00Z`],
    [
      "is signed by one who may not",
      { maySign: false },
      'x509: certificate signed by unknown authority (possibly because of "x509: invalid signature: parent certificate cannot sign this kind of certificate" while trying to verify candidate authority certificate "root")',
    ],
    [
      "is for another purpose",
      { allowsServers: false },
      "x509: certificate specifies an incompatible key usage",
    ],
    ["is within limits", { permitted: { dnsNames: ["consul", "localhost"], networks } }, undefined],
    [
      "has a name outside",
      { permitted: { dnsNames: ["consul"], networks: [] } },
      `${unauthorized}DNS name "localhost" is not permitted by any constraint`,
    ],
    [
      "has a name in an excluded domain",
      { excluded: { dnsNames: [".consul"], networks: [] } },
      `${unauthorized}DNS name "a.Consul" is excluded by constraint ".consul"`,
    ],
    [
      "has an excluded address",
      { excluded: { dnsNames: [], networks } },
      `${unauthorized}IP address "127.0.0.1" is excluded by constraint "127.0.0.0/8"`,
    ],
  ])("%s", (_name, { now = 15, ...facts }, expected) => {
    expect(checkIssued(issued, { ...issuer, ...facts }, now * second)).toBe(expected);
  });
});

test("bytes that are no certificate are refused, whatever they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(() => readIssuer(bytes)).toThrow("x509: malformed certificate");
    }),
  );
});
