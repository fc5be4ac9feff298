import { describe, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, sign, X509Certificate, type KeyObject } from "node:crypto";
import type { CertificatePair, CertificateRequest } from "../cli/host.ts";
import { encodeSubject } from "../wire/x509/names.ts";
import { encodePem } from "../wire/x509/pem.ts";
import { encodeCertificate, encodeToBeSigned, type SignatureScheme } from "../wire/x509/write-certificate.ts";
import { createAuthority, createCertificate } from "./certificates.ts";

const nowMs = Date.UTC(2026, 10, 25, 16, 2, 59, 500);

const authorityRequest = { commonName: "", days: 1825, nowMs, permittedDnsNames: [], uris: [] };

function serverRequest(authority: CertificatePair): CertificateRequest {
  return {
    authority,
    commonName: "server.dc1.consul",
    days: 365,
    nowMs,
    dnsNames: ["server.dc1.consul", "localhost"],
    ipAddresses: ["127.0.0.1", "::1"],
    roles: ["server", "client"],
  };
}

test("an authority signs itself, for five years of days", async () => {
  const { cert, key } = await createAuthority(authorityRequest);
  const read = new X509Certificate(cert);
  expect(read.ca).toBe(true);
  expect(read.checkIssued(read)).toBe(true);
  expect(read.verify(read.publicKey)).toBe(true);
  expect(read.subject).toBe(`O=Proconsul\nCN=Proconsul Agent CA ${BigInt(`0x${read.serialNumber}`)}`);
  expect(read.validFrom).toBe("Nov 25 16:02:59 2026 GMT");
  expect(read.validTo).toBe("Nov 24 16:02:59 2031 GMT");
  expect(key).toStartWith("-----BEGIN EC PRIVATE KEY-----\n");
  expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true);
});

test.each([
  { days: 0, until: "Nov 25 16:02:59 2027 GMT" },
  { days: -1, until: "Nov 24 16:02:59 2026 GMT" },
  { days: 30_000, until: "Jan 14 16:02:59 2109 GMT" },
])("$days days of an authority end $until", async ({ days, until }) => {
  const { cert } = await createAuthority({ ...authorityRequest, days });
  expect(new X509Certificate(cert).validTo).toBe(until);
});

test("a certificate has a name, addresses, purposes, and its authority's signature", async () => {
  const authority = await createAuthority(authorityRequest);
  const { cert, key } = await createCertificate(serverRequest(authority));
  const read = new X509Certificate(cert);
  const parent = new X509Certificate(authority.cert);
  expect(read.checkIssued(parent)).toBe(true);
  expect(read.verify(parent.publicKey)).toBe(true);
  expect(read.ca).toBe(false);
  expect(read.subject).toBe("CN=server.dc1.consul");
  expect(read.subjectAltName).toBe(
    "DNS:server.dc1.consul, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
  );
  expect(read.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  expect(read.validTo).toBe("Nov 25 16:02:59 2027 GMT");
  expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true);
});

/** An authority of somebody else, with a key of another kind. */
function foreignAuthority(
  scheme: SignatureScheme,
  pair: { publicKey: KeyObject; privateKey: KeyObject },
): CertificatePair {
  const subject = encodeSubject({ organization: "Elsewhere", commonName: "root" });
  const body = encodeToBeSigned({
    serial: Uint8Array.of(200),
    issuer: subject,
    subject,
    notBeforeMs: nowMs,
    notAfterMs: nowMs + 1e9,
    publicKey: pair.publicKey.export({ type: "spki", format: "der" }),
    scheme,
    isAuthority: true,
    roles: [],
    subjectKeyId: Uint8Array.of(1, 2, 3),
    authorityKeyId: new Uint8Array(),
    dnsNames: [],
    ipAddresses: [],
    uris: [],
    permittedDnsNames: [],
  });
  const hash = scheme === "ed25519" ? null : (scheme.split("-")[1] ?? null);
  return {
    cert: encodePem({
      label: "CERTIFICATE",
      bytes: encodeCertificate(body, scheme, sign(hash, body, pair.privateKey)),
    }),
    key: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

describe("authorities with keys of all kinds", () => {
  test.each<[SignatureScheme, () => { publicKey: KeyObject; privateKey: KeyObject }]>([
    ["rsa-sha256", () => generateKeyPairSync("rsa", { modulusLength: 2048 })],
    ["ecdsa-sha384", () => generateKeyPairSync("ec", { namedCurve: "P-384" })],
    ["ecdsa-sha512", () => generateKeyPairSync("ec", { namedCurve: "P-521" })],
    ["ed25519", () => generateKeyPairSync("ed25519")],
  ])("%s", async (scheme, makePair) => {
    const pair = makePair();
    const { cert } = await createCertificate(serverRequest(foreignAuthority(scheme, pair)));
    expect(new X509Certificate(cert).verify(pair.publicKey)).toBe(true);
  });
});

describe("is refused", () => {
  const refusal = async (
    change: (authority: CertificatePair) => Partial<CertificateRequest>,
  ): Promise<unknown> => {
    const authority = await createAuthority(authorityRequest);
    return createCertificate({ ...serverRequest(authority), ...change(authority) }).then(
      () => "made",
      (error: unknown) => (error instanceof Error ? error.message : error),
    );
  };

  test.each<[string, (authority: CertificatePair) => Partial<CertificateRequest>, string]>([
    ["a key that is none", ({ cert }) => ({ authority: { cert, key: "x" } }), "no PEM-encoded data found"],
    [
      "a certificate for a key",
      ({ cert }) => ({ authority: { cert, key: cert } }),
      "unknown PEM block type for signing key: CERTIFICATE",
    ],
    [
      "a damaged key",
      ({ cert }) => ({
        authority: { cert, key: encodePem({ label: "EC PRIVATE KEY", bytes: Uint8Array.of(0) }) },
      }),
      "x509: failed to parse EC private key",
    ],
    [
      "no certificate",
      ({ key }) => ({ authority: { cert: "x", key } }),
      "failed to parse CA: no PEM-encoded data found",
    ],
    [
      "a key for a certificate",
      ({ key }) => ({ authority: { cert: key, key } }),
      "failed to parse CA: first PEM-block should be CERTIFICATE type",
    ],
    [
      "a damaged certificate",
      ({ key }) => ({
        authority: { cert: encodePem({ label: "CERTIFICATE", bytes: Uint8Array.of(0) }), key },
      }),
      "failed to parse CA: x509: malformed certificate",
    ],
    [
      "another's key",
      ({ cert }) => ({
        authority: {
          cert,
          key: generateKeyPairSync("ec", { namedCurve: "P-256" })
            .privateKey.export({ type: "sec1", format: "pem" })
            .toString(),
        },
      }),
      "failed to create certificate: x509: provided PrivateKey doesn't match parent's PublicKey",
    ],
    [
      "a name that is not ASCII",
      () => ({ dnsNames: ["é"] }),
      'failed to create certificate: x509: "é" cannot be encoded as an IA5String',
    ],
    [
      "an address that is none",
      () => ({ ipAddresses: ["q"] }),
      'failed to parse certificate: invalid IP address "q"',
    ],
    [
      "a time beyond all calendars",
      () => ({ days: 1e10 }),
      "failed to create certificate: asn1: structure error: cannot represent time as GeneralizedTime",
    ],
    [
      "no time at all",
      () => ({ days: 0 }),
      "x509: certificate has expired or is not yet valid: current time 2026-11-25T16:02:59Z is after 2026-11-25T16:02:59Z",
    ],
  ])("%s", async (_name, change, message) => {
    expect(await refusal(change)).toBe(message);
  });
});
