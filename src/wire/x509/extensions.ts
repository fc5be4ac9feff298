/** The extensions of a certificate, in the reference's order. Source: RFC 5280 section 4.2. */
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  NameConstraints,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
} from "@peculiar/asn1-x509";
import { DecodeError } from "../../lib/errors.ts";
import { quoteGo } from "../../lib/go-quote.ts";
import { renderIp, type IpBytes } from "../../lib/ip.ts";

/** Which side of a TLS connection a certificate is for. */
export type TlsRole = "server" | "client";

/** What the extensions say. */
export interface ExtensionSpec {
  /** Signs certificates and revocation lists; all others sign and encrypt for themselves. */
  readonly isAuthority: boolean;
  /** In this order; empty for every purpose. */
  readonly roles: readonly TlsRole[];
  readonly subjectKeyId: Uint8Array;
  /** The issuer's; left out if empty. */
  readonly authorityKeyId: Uint8Array;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly IpBytes[];
  readonly uris: readonly string[];
  /** Domains outside of which nothing that this authority signs is valid; empty for no such limit. */
  readonly permittedDnsNames: readonly string[];
}

const roleIds: Readonly<Record<TlsRole, string>> = { server: id_kp_serverAuth, client: id_kp_clientAuth };
const authorityUsage = KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
const leafUsage = KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment;

/** Builds the extensions. Throws `DecodeError` for a name or URI that is not ASCII. */
export function toExtensions(spec: ExtensionSpec): Extensions {
  for (const text of [...spec.dnsNames, ...spec.uris, ...spec.permittedDnsNames]) checkIa5(text);
  const usage = new KeyUsage(spec.isAuthority ? authorityUsage : leafUsage);
  const all = [extension(id_ce_keyUsage, usage, true)];
  if (spec.roles.length > 0) {
    all.push(extension(id_ce_extKeyUsage, new ExtendedKeyUsage(spec.roles.map((role) => roleIds[role]))));
  }
  all.push(
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: spec.isAuthority }), true),
    extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(spec.subjectKeyId)),
  );
  if (spec.authorityKeyId.length > 0) {
    const keyIdentifier = new KeyIdentifier(spec.authorityKeyId);
    all.push(extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier })));
  }
  const names = alternativeNames(spec);
  if (names.length > 0) all.push(extension(id_ce_subjectAltName, new SubjectAlternativeName(names)));
  if (spec.permittedDnsNames.length > 0) {
    const trees = spec.permittedDnsNames.map(
      (dNSName) => new GeneralSubtree({ base: new GeneralName({ dNSName }) }),
    );
    const constraints = new NameConstraints({ permittedSubtrees: new GeneralSubtrees(trees) });
    all.push(extension(id_ce_nameConstraints, constraints, true));
  }
  return new Extensions(all);
}

function alternativeNames(spec: ExtensionSpec): GeneralName[] {
  return [
    ...spec.dnsNames.map((dNSName) => new GeneralName({ dNSName })),
    ...spec.ipAddresses.map((ip) => new GeneralName({ iPAddress: renderIp(ip) })),
    ...spec.uris.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
  ];
}

function extension(extnID: string, value: object, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

function checkIa5(text: string): void {
  if (/^[\0-\x7f]*$/u.test(text)) return;
  throw new DecodeError(`x509: ${quoteGo(text)} cannot be encoded as an IA5String`);
}
