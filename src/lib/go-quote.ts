/**
 * Text as Go's `%q` prints it: in double quotes, with what cannot be printed as escapes.
 *
 * Source: strconv.Quote; error texts that clients match on carry keys and names in this form.
 */
import { utf8ByteString, type ByteString } from "./byte-string.ts";

const plain = /^[ !#-[\]-~]*$/u;
/** One UTF-8 sequence of a byte string, or a byte that belongs to none. */
const sequence =
  /[\u0000-\u007f]|[\u00c2-\u00df][\u0080-\u00bf]|\u00e0[\u00a0-\u00bf][\u0080-\u00bf]|[\u00e1-\u00ec\u00ee\u00ef][\u0080-\u00bf]{2}|\u00ed[\u0080-\u009f][\u0080-\u00bf]|\u00f0[\u0090-\u00bf][\u0080-\u00bf]{2}|[\u00f1-\u00f3][\u0080-\u00bf]{3}|\u00f4[\u0080-\u008f][\u0080-\u00bf]{2}|[^]/gu;
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const named: ReadonlyMap<string, string> = new Map([
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ['"', '\\"'],
  ["\\", "\\\\"],
]);
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Quotes text. */
export function quoteGo(text: string): string {
  return plain.test(text) ? `"${text}"` : quoteGoBytes(utf8ByteString(text));
}

/** Quotes text as `%+q` does: nothing but ASCII is left as it is. */
export function quoteGoAscii(text: string): string {
  return quoteGo(text).replace(/[^\u0000-\u007f]/gu, (letter) => {
    const code = letter.codePointAt(0) ?? 0;
    return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  });
}

/** Quotes a byte string; bytes that are no UTF-8 become `\xNN`. */
export function quoteGoBytes(value: ByteString): string {
  if (plain.test(value)) return `"${value}"`;
  return `"${value.replace(sequence, quoteSequence)}"`;
}

function quoteSequence(units: string): string {
  const first = units.charCodeAt(0);
  if (units.length === 1 && first > 0x7f) return `\\x${hex(first, 2)}`;
  const character = utf8.decode(Uint8Array.from(units, (unit) => unit.charCodeAt(0)));
  const escape = named.get(character);
  if (escape !== undefined) return escape;
  if (printable.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
