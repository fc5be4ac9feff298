/** What a certificate says, as far as signing with it and checking what it signed need it. */
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  KeyUsage,
  KeyUsageFlags,
  NameConstraints,
  SubjectKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectKeyIdentifier,
  id_kp_serverAuth,
  anyExtendedKeyUsage,
  type GeneralSubtrees,
} from "@peculiar/asn1-x509";
import { DecodeError, ProconsulError } from "../../lib/errors.ts";
import { parseCidr, type IpNetwork } from "../../lib/ip.ts";
import { shortName } from "./names.ts";

/** Names that a constraint is about. */
export interface NameTrees {
  readonly dnsNames: readonly string[];
  readonly networks: readonly IpNetwork[];
}

/** A certificate that signs others. */
export interface IssuerFacts {
  /** DER of its own name. */
  readonly subject: Uint8Array;
  /** Its name for people. */
  readonly shortName: string;
  /** Empty if it does not tell. */
  readonly subjectKeyId: Uint8Array;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** It may sign certificates. */
  readonly maySign: boolean;
  /** What it signs may be a TLS server's. */
  readonly allowsServers: boolean;
  readonly permitted: NameTrees;
  readonly excluded: NameTrees;
}

/** Reads a certificate in DER. Throws `DecodeError`, "x509: malformed certificate". */
export function readIssuer(der: Uint8Array): IssuerFacts {
  try {
    return factsOf(AsnConvert.parse(der, Certificate));
  } catch (error) {
    // The library has no error class of its own.
    if (!(error instanceof Error) || error instanceof ProconsulError) throw error;
    throw new DecodeError("x509: malformed certificate", { cause: error });
  }
}

function factsOf({ tbsCertificate }: Certificate): IssuerFacts {
  const extensions = new Map(
    (tbsCertificate.extensions ?? []).map(({ extnID, extnValue }) => [extnID, extnValue.buffer]),
  );
  const read = <Value>(id: string, type: new () => Value): Value | undefined => {
    const bytes = extensions.get(id);
    return bytes === undefined ? undefined : AsnConvert.parse(bytes, type);
  };
  const basic = read(id_ce_basicConstraints, BasicConstraints);
  const usage = read(id_ce_keyUsage, KeyUsage);
  const purposes = read(id_ce_extKeyUsage, ExtendedKeyUsage);
  const constraints = read(id_ce_nameConstraints, NameConstraints);
  // Certificates before version 3 have no extensions, and so no way to say that they may sign.
  const isAuthority = tbsCertificate.version < 2 || basic?.cA === true;
  return {
    subject: new Uint8Array(AsnConvert.serialize(tbsCertificate.subject)),
    shortName: shortName(tbsCertificate.subject),
    subjectKeyId: new Uint8Array(read(id_ce_subjectKeyIdentifier, SubjectKeyIdentifier)?.buffer ?? []),
    notBeforeMs: tbsCertificate.validity.notBefore.getTime().getTime(),
    notAfterMs: tbsCertificate.validity.notAfter.getTime().getTime(),
    maySign: isAuthority && (usage === undefined || (usage.toNumber() & KeyUsageFlags.keyCertSign) !== 0),
    allowsServers:
      purposes === undefined || purposes.includes(id_kp_serverAuth) || purposes.includes(anyExtendedKeyUsage),
    permitted: treesOf(constraints?.permittedSubtrees),
    excluded: treesOf(constraints?.excludedSubtrees),
  };
}

function treesOf(trees: GeneralSubtrees | undefined): NameTrees {
  const bases = (trees ?? []).map(({ base }) => base);
  return {
    dnsNames: bases.flatMap(({ dNSName }) => (dNSName === undefined ? [] : [dNSName])),
    networks: bases.flatMap(({ iPAddress }) => (iPAddress === undefined ? [] : [networkOf(iPAddress)])),
  };
}

/** A network as the library writes it: "10.0.0.0/8". */
function networkOf(text: string): IpNetwork {
  const network = parseCidr(text);
  if (network === undefined) throw new DecodeError("x509: IP constraint contained invalid mask");
  return network;
}
