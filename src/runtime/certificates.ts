/**
 * Makes authorities and certificates with new P-256 keys, as the reference's `tlsutil/generate.go` does.
 *
 * The bytes are built in `wire/x509`; this file has the keys: it draws them, reads an authority's, and signs.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
  type KeyObject,
} from "node:crypto";
import type { AuthorityRequest, CertificatePair, CertificateRequest } from "../cli/host.ts";
import { assert } from "../lib/assert.ts";
import { CertificateError } from "../lib/certificate-error.ts";
import { DecodeError, ProconsulError } from "../lib/errors.ts";
import { parseIp, type IpBytes } from "../lib/ip.ts";
import { checkIssued } from "../wire/x509/check-issued.ts";
import { encodeSubject } from "../wire/x509/names.ts";
import { decodePem, encodePem } from "../wire/x509/pem.ts";
import { readIssuer } from "../wire/x509/read-certificate.ts";
import {
  encodeCertificate,
  encodeToBeSigned,
  type CertificateSpec,
  type SignatureScheme,
} from "../wire/x509/write-certificate.ts";

const organization = "Proconsul";
const serialBytes = 16;
const dayMs = 86_400_000;
/** What the reference puts in place of no days at all; for authorities only. */
const authorityDaysIfZero = 365;

/** An authority that signs itself. Rejects with `CertificateError`. */
export async function createAuthority(request: AuthorityRequest): Promise<CertificatePair> {
  const { nowMs } = request;
  const key = newKey();
  const serial = newSerial();
  const subject = encodeSubject({
    organization,
    commonName: request.commonName || `Proconsul Agent CA ${BigInt(`0x${serial.toString("hex")}`)}`,
  });
  const days = request.days === 0 ? authorityDaysIfZero : request.days;
  const keyId = keyIdOf(key.publicKey);
  const spec: CertificateSpec = {
    serial,
    issuer: subject,
    subject,
    notBeforeMs: nowMs,
    notAfterMs: nowMs + days * dayMs,
    publicKey: key.publicKey,
    scheme: schemeOf(key.privateKey),
    isAuthority: true,
    roles: [],
    subjectKeyId: keyId,
    authorityKeyId: keyId,
    dnsNames: [],
    ipAddresses: [],
    uris: request.uris,
    permittedDnsNames: request.permittedDnsNames,
  };
  const cert = explained("error generating CA certificate", () => signed(spec, key.privateKey));
  return { cert: encodePem({ label: "CERTIFICATE", bytes: cert }), key: key.pem };
}

/** A certificate of an authority, checked as a client would. Rejects with `CertificateError`. */
export async function createCertificate(request: CertificateRequest): Promise<CertificatePair> {
  const { authority, nowMs, dnsNames, roles } = request;
  const signer = readSigner(authority.key);
  const parentDer = explained("failed to parse CA", () => readCertificatePem(authority.cert));
  const issuer = explained("failed to parse CA", () => readIssuer(parentDer));
  const parent = explained("failed to parse CA", () => openCertificate(parentDer));
  if (!parent.checkPrivateKey(signer)) {
    throw new CertificateError(
      "failed to create certificate: x509: provided PrivateKey doesn't match parent's PublicKey",
    );
  }
  const key = newKey();
  const ipAddresses = request.ipAddresses.map(readIp);
  const times = { notBeforeMs: nowMs, notAfterMs: nowMs + request.days * dayMs };
  const spec: CertificateSpec = {
    ...times,
    serial: newSerial(),
    issuer: issuer.subject,
    subject: encodeSubject({ commonName: request.commonName }),
    publicKey: key.publicKey,
    scheme: schemeOf(signer),
    isAuthority: false,
    roles,
    subjectKeyId: keyIdOf(key.publicKey),
    authorityKeyId: issuer.subjectKeyId,
    dnsNames,
    ipAddresses,
    uris: [],
    permittedDnsNames: [],
  };
  const cert = explained("failed to create certificate", () => signed(spec, signer));
  const problem = checkIssued({ ...times, dnsNames, ipAddresses }, issuer, nowMs);
  if (problem !== undefined) throw new CertificateError(problem);
  // A name in a form that is not kept byte for byte would break the chain: better no certificate than that one.
  if (!openCertificate(cert).checkIssued(parent)) {
    throw new CertificateError("x509: certificate signed by unknown authority");
  }
  return { cert: encodePem({ label: "CERTIFICATE", bytes: cert }), key: key.pem };
}

interface NewKey {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  readonly pem: string;
}

function newKey(): NewKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    privateKey,
    publicKey: publicKey.export({ type: "spki", format: "der" }),
    pem: privateKey.export({ type: "sec1", format: "pem" }).toString(),
  };
}

/** 128 random bits, of which at least one is set. */
function newSerial(): Buffer {
  for (;;) {
    const serial = randomBytes(serialBytes);
    if (serial.some((byte) => byte > 0)) return serial;
  }
}

/** Any unique value will do by the standard; this one is the reference's. */
function keyIdOf(publicKey: Uint8Array): Uint8Array {
  return createHash("sha256").update(publicKey).digest();
}

const ecSchemes: Readonly<Record<string, SignatureScheme>> = {
  secp224r1: "ecdsa-sha256",
  prime256v1: "ecdsa-sha256",
  secp384r1: "ecdsa-sha384",
  secp521r1: "ecdsa-sha512",
};

/** How Go signs with a key of this kind. */
function schemeOf(key: KeyObject): SignatureScheme {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  if (asymmetricKeyType === "rsa") return "rsa-sha256";
  if (asymmetricKeyType === "ed25519") return "ed25519";
  const scheme = ecSchemes[asymmetricKeyDetails?.namedCurve ?? ""];
  if (asymmetricKeyType === "ec" && scheme !== undefined) return scheme;
  throw new CertificateError(
    "failed to create certificate: x509: only RSA, ECDSA and Ed25519 keys supported",
  );
}

const hashes: Readonly<Record<SignatureScheme, string | null>> = {
  "ecdsa-sha256": "sha256",
  "ecdsa-sha384": "sha384",
  "ecdsa-sha512": "sha512",
  "rsa-sha256": "sha256",
  ed25519: null,
};

function signed(spec: CertificateSpec, signer: KeyObject): Uint8Array {
  const body = encodeToBeSigned(spec);
  const cert = encodeCertificate(body, spec.scheme, sign(hashes[spec.scheme], body, signer));
  assert(
    openCertificate(cert).verify(createPublicKey(signer)),
    "a signer's public key verifies what it signed",
  );
  return cert;
}

function readCertificatePem(text: string): Uint8Array {
  const block = decodePem(text);
  if (block === undefined) throw new DecodeError("no PEM-encoded data found");
  if (block.label !== "CERTIFICATE") throw new DecodeError("first PEM-block should be CERTIFICATE type");
  return block.bytes;
}

function openCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (error) {
    throw new CertificateError("x509: malformed certificate", { cause: error });
  }
}

const keyForms: Readonly<
  Record<string, { readonly type: "sec1" | "pkcs1" | "pkcs8"; readonly name: string }>
> = {
  "EC PRIVATE KEY": { type: "sec1", name: "EC private key" },
  "RSA PRIVATE KEY": { type: "pkcs1", name: "private key" },
  "PRIVATE KEY": { type: "pkcs8", name: "private key" },
};

function readSigner(pem: string): KeyObject {
  const block = decodePem(pem);
  if (block === undefined) throw new CertificateError("no PEM-encoded data found");
  const form = keyForms[block.label];
  if (form === undefined) {
    throw new CertificateError(`unknown PEM block type for signing key: ${block.label}`);
  }
  try {
    return createPrivateKey({ key: Buffer.from(block.bytes), format: "der", type: form.type });
  } catch (error) {
    throw new CertificateError(`x509: failed to parse ${form.name}`, { cause: error });
  }
}

function readIp(text: string): IpBytes {
  const ip = parseIp(text);
  // The reference writes the address without bytes and then cannot read its own certificate.
  if (ip === undefined)
    throw new CertificateError(`failed to parse certificate: invalid IP address ${JSON.stringify(text)}`);
  return ip;
}

/** The result of `work`; a failure that has a public text gets `prefix` in front. */
function explained<Value>(prefix: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    throw new CertificateError(`${prefix}: ${error.message}`, { cause: error });
  }
}
