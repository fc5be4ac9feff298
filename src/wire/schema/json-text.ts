/**
 * JSON text with the escapes of Go's encoder: `<`, `>`, `&`, U+2028 and U+2029 are escaped, lone
 * surrogates become U+FFFD. Source: encoding/json, HTMLEscape on.
 */
const needsEscape = /["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/;
const escapable = /[<>&\u2028\u2029]/g;

/** A JSON string literal. */
export function quoteJson(text: string): string {
  if (!needsEscape.test(text)) return `"${text}"`;
  return JSON.stringify(wellFormed(text)).replace(
    escapable,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Keys in the order Go prints a map: by bytes of the UTF-8. */
export function sortedKeys(map: object): string[] {
  return Object.keys(map).sort(byBytes);
}

/** Orders text by its UTF-8 bytes, which differs from `<` only above the basic plane. */
export function byBytes(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above every other unit.
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x < y ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

/** Lone surrogates become U+FFFD, as Go's encoder does with bytes that are no UTF-8. */
function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (unit) =>
    unit.length === 2 ? unit : "\ufffd",
  );
}
