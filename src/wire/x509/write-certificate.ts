/** Certificates as bytes: what is to be signed, and the whole once it is. Source: RFC 5280 section 4.1. */
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  Certificate,
  Name,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Time,
  Validity,
  Version,
} from "@peculiar/asn1-x509";
import { assert } from "../../lib/assert.ts";
import { DecodeError } from "../../lib/errors.ts";
import { toExtensions, type ExtensionSpec } from "./extensions.ts";

/** How a certificate is signed, by the name of the signer's kind of key and of the hash. */
export type SignatureScheme = "ecdsa-sha256" | "ecdsa-sha384" | "ecdsa-sha512" | "rsa-sha256" | "ed25519";

/** A certificate before it is signed. */
export interface CertificateSpec extends ExtensionSpec {
  /** Big-endian, positive. */
  readonly serial: Uint8Array;
  /** DER of the names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Milliseconds since 1970; the certificate keeps whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  readonly scheme: SignatureScheme;
}

/** `null` is written as NULL, `undefined` as nothing: RFC 3279 and RFC 8410 ask for one each. */
const schemes: Readonly<Record<SignatureScheme, { readonly id: string; readonly parameters?: null }>> = {
  "ecdsa-sha256": { id: "1.2.840.10045.4.3.2" },
  "ecdsa-sha384": { id: "1.2.840.10045.4.3.3" },
  "ecdsa-sha512": { id: "1.2.840.10045.4.3.4" },
  "rsa-sha256": { id: "1.2.840.113549.1.1.11", parameters: null },
  ed25519: { id: "1.3.101.112" },
};

const utcYears = { first: 1950, last: 2049 };

/**
 * The bytes to sign.
 *
 * Throws `DecodeError` for a name that is not ASCII and for a time that no certificate can hold.
 */
export function encodeToBeSigned(spec: CertificateSpec): Uint8Array {
  assert(
    spec.serial.some((byte) => byte > 0),
    "a serial number is positive",
  );
  const validity = new Validity();
  validity.notBefore = toTime(spec.notBeforeMs);
  validity.notAfter = toTime(spec.notAfterMs);
  const certificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: toInteger(spec.serial),
    signature: algorithm(spec.scheme),
    issuer: AsnConvert.parse(spec.issuer, Name),
    validity,
    subject: AsnConvert.parse(spec.subject, Name),
    subjectPublicKeyInfo: AsnConvert.parse(spec.publicKey, SubjectPublicKeyInfo),
    extensions: toExtensions(spec),
  });
  return new Uint8Array(AsnConvert.serialize(certificate));
}

/** The certificate in DER, of the bytes that were signed and their signature. */
export function encodeCertificate(
  toBeSigned: Uint8Array,
  scheme: SignatureScheme,
  signature: Uint8Array,
): Uint8Array {
  const certificate = new Certificate({
    tbsCertificate: AsnConvert.parse(toBeSigned, TBSCertificate),
    signatureAlgorithm: algorithm(scheme),
    signatureValue: Uint8Array.from(signature).buffer,
  });
  return new Uint8Array(AsnConvert.serialize(certificate));
}

function algorithm(scheme: SignatureScheme): AlgorithmIdentifier {
  const { id, parameters } = schemes[scheme];
  return new AlgorithmIdentifier(parameters === null ? { algorithm: id, parameters } : { algorithm: id });
}

/** The content of an INTEGER: no needless zeros in front, one where the first bit would mean a negative number. */
function toInteger(serial: Uint8Array): ArrayBuffer {
  const digits = serial.subarray(serial.findIndex((byte) => byte > 0));
  return Uint8Array.from((digits[0] ?? 0) > 0x7f ? [0, ...digits] : digits).buffer;
}

function toTime(epochMs: number): Time {
  // oxlint-disable-next-line no-restricted-globals -- names the second, not the present.
  const date = new Date(Math.floor(epochMs / 1000) * 1000);
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) {
    throw new DecodeError("asn1: structure error: cannot represent time as GeneralizedTime");
  }
  return new Time(
    year >= utcYears.first && year <= utcYears.last ? { utcTime: date } : { generalTime: date },
  );
}
