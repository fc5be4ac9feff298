/** Certificates for tests, made on the spot: an authority and what it signs. X.509 v3 by hand, in DER. */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";

export interface TestCertificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

interface Authority {
  readonly name: string;
  readonly key: KeyObject;
}

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head =
    length < 128
      ? [tag, length]
      : length < 256
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.from(head), body]);
}

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");
const text = (tag: number, value: string): Uint8Array => der(tag, Buffer.from(value));
const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(0x30, ...parts);
const commonName = hex("06 03 55 04 03");
const ecdsaSha256 = sequence(hex("06 08 2a 86 48 ce 3d 04 03 02"));
const basicConstraintsCa = sequence(hex("06 03 55 1d 13 01 01 ff 04 05 30 03 01 01 ff"));
const subjectAltName = hex("06 03 55 1d 11");

function nameOf(name: string): Uint8Array {
  return sequence(der(0x31, sequence(commonName, text(0x0c, name))));
}

function altNames(names: readonly string[]): Uint8Array {
  const all = names.map((name) =>
    /^[\d.]+$/u.test(name)
      ? der(0x87, Uint8Array.from(name.split(".").map(Number)))
      : der(0x82, Buffer.from(name)),
  );
  return sequence(subjectAltName, der(0x04, sequence(...all)));
}

interface Wanted {
  readonly name: string;
  /** DNS names and IPv4 addresses; none for an authority. */
  readonly names: readonly string[];
  /** Signs itself if there is none. */
  readonly by?: Authority;
}

function issue({ name, names, by }: Wanted): TestCertificate & { readonly authority: Authority } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer = by ?? { name, key: privateKey };
  const extensions = [
    ...(by === undefined ? [basicConstraintsCa] : []),
    ...(names.length === 0 ? [] : [altNames(names)]),
  ];
  const signed = sequence(
    der(0xa0, hex("02 01 02")),
    der(0x02, Uint8Array.of(1 + Math.floor(Math.random() * 127))),
    ecdsaSha256,
    nameOf(signer.name),
    sequence(text(0x17, "200101000000Z"), text(0x17, "491231235959Z")),
    nameOf(name),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", signed, signer.key);
  const whole = sequence(signed, ecdsaSha256, der(0x03, Uint8Array.of(0), signature));
  const base64 = Buffer.from(whole).toString("base64").replace(/.{64}/gu, "$&\n");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    authority: { name, key: privateKey },
  };
}

/** An authority's certificate, and one that it signed for these DNS names and IPv4 addresses. */
export function testCertificates(names: readonly string[]): {
  readonly authority: TestCertificate;
  readonly leaf: TestCertificate;
} {
  const root = issue({ name: "Test authority", names: [] });
  return { authority: root, leaf: issue({ name: names[0] ?? "leaf", names, by: root.authority }) };
}
