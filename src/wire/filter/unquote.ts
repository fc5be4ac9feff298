/** String literals as Go reads them. Source: strconv.Unquote. */

const simple: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  '"': 34,
};
const escape =
  /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([abfnrtv\\"]))|[^\\\n]/uy;
const utf8 = new TextEncoder();
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text between the backquotes of a raw literal, which drops carriage returns. */
export function unquoteRaw(body: string): string {
  return body.replaceAll("\r", "");
}

/** The text that the inside of a double-quoted literal stands for; `undefined` if an escape is wrong. */
export function unquoteDouble(body: string): string | undefined {
  if (!/[\\\n]/.test(body)) return body;
  const bytes: number[] = [];
  for (let at = 0; at < body.length; at = escape.lastIndex) {
    escape.lastIndex = at;
    const found = escape.exec(body);
    if (found === null) return undefined;
    const [whole, hex, short, long, octal, letter] = found;
    if (letter !== undefined) bytes.push(simple[letter] ?? 0);
    else if (hex !== undefined || octal !== undefined) {
      const byte = hex === undefined ? Number.parseInt(octal ?? "", 8) : Number.parseInt(hex, 16);
      if (byte > 0xff) return undefined;
      bytes.push(byte);
    } else if (short !== undefined || long !== undefined) {
      const code = Number.parseInt(short ?? long ?? "", 16);
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return undefined;
      bytes.push(...utf8.encode(String.fromCodePoint(code)));
    } else bytes.push(...utf8.encode(whole));
  }
  return lenient.decode(Uint8Array.from(bytes));
}
