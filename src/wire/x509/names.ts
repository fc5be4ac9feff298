/** Distinguished names: whom a certificate is about. Source: RFC 5280 section 4.1.2.4. */
import { AsnConvert } from "@peculiar/asn1-schema";
import { AttributeTypeAndValue, AttributeValue, Name, RelativeDistinguishedName } from "@peculiar/asn1-x509";

/** The attributes that are ever written here. */
export interface Subject {
  readonly organization?: string;
  readonly commonName: string;
}

const organizationId = "2.5.4.10";
const commonNameId = "2.5.4.3";

/** Bytes of a text that PrintableString holds; the reference writes UTF8String for all others. */
const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/u;

/** The DER form of a name, organization first. */
export function encodeSubject({ organization, commonName }: Subject): Uint8Array {
  const parts = [
    ...(organization === undefined ? [] : [attribute(organizationId, organization)]),
    attribute(commonNameId, commonName),
  ];
  return new Uint8Array(AsnConvert.serialize(new Name(parts)));
}

/** What people call the bearer: the common name, else the organization, "" without either. */
export function shortName(name: Name): string {
  const textOf = (id: string): string =>
    name.flatMap((part) => part.filter(({ type }) => type === id).map(({ value }) => value.toString()))[0] ??
    "";
  return textOf(commonNameId) || textOf(organizationId);
}

function attribute(type: string, text: string): RelativeDistinguishedName {
  const value = new AttributeValue(printable.test(text) ? { printableString: text } : { utf8String: text });
  return new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })]);
}
