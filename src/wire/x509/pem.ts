/** The text form of keys and certificates: base64 between two lines that name the kind. Source: RFC 7468. */

/** One block. */
export interface PemBlock {
  /** Such as "CERTIFICATE". */
  readonly label: string;
  readonly bytes: Uint8Array;
}

const columns = 64;
const blockPattern = /-----BEGIN ([^\n-]*)-----[ \t]*\r?\n([\s\S]*?)\r?\n?-----END \1-----/gu;

/** The first block of `text`; what is around it is passed over. `undefined` if there is none. */
export function decodePem(text: string): PemBlock | undefined {
  for (const [, label = "", body = ""] of text.matchAll(blockPattern)) {
    // Headers, as encrypted keys of old have them, end with an empty line.
    const base64 = /^[^\n:]+:/u.test(body) ? body.replace(/^[\s\S]*?\r?\n\r?\n/u, "") : body;
    const bytes = decodeBase64(base64.replaceAll(/\s/gu, ""));
    if (bytes !== undefined) return { label, bytes };
  }
  return undefined;
}

/** The text of a block, with a line end. */
export function encodePem({ label, bytes }: PemBlock): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  const base64 = btoa(binary);
  const lines = [`-----BEGIN ${label}-----`];
  for (let at = 0; at < base64.length; at += columns) lines.push(base64.slice(at, at + columns));
  return [...lines, `-----END ${label}-----`, ""].join("\n");
}

function decodeBase64(base64: string): Uint8Array | undefined {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/u.test(base64)) return undefined;
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}
