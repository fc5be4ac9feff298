/** What follows a backslash, inside and outside of classes. */
import { not, perlClasses, ranges, unicodeClass } from "./classes.ts";
import type { Cursor } from "./cursor.ts";
import { RegexpRefusal, type CodePointSet } from "./syntax.ts";

const controls: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
const codePointMax = 0x10ffff;

/** The set that an escape stands for; the cursor is at the backslash. Throws `RegexpRefusal`. */
export function escapedSet(cursor: Cursor): CodePointSet {
  const property = cursor.match(/\\([pP])(?:\{(\^?)(\w+)\}|(\w))/y);
  if (property !== undefined) {
    const [whole, sign, caret, long, short] = property;
    const set = unicodeClass(long ?? short ?? "", whole);
    return (sign === "P") === (caret === "^") ? set : not(set);
  }
  const perl = perlClasses[cursor.peek(1)];
  if (perl !== undefined) {
    cursor.skip(2);
    return perl;
  }
  const codePoint = escapedCodePoint(cursor);
  return ranges([codePoint, codePoint]);
}

/** The one code point that an escape stands for; the cursor is at the backslash. Throws `RegexpRefusal`. */
export function escapedCodePoint(cursor: Cursor): number {
  const hex = cursor.match(/\\x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]+)\})/y);
  if (hex !== undefined) {
    const value = Number.parseInt(hex[1] ?? hex[2] ?? "", 16);
    if (value <= codePointMax) return value;
    throw new RegexpRefusal(`invalid escape sequence: \`${hex[0]}\``);
  }
  // One digit alone would be a reference to a group, which takes more than linear time to match.
  const octal = cursor.match(/\\(?:0([0-7]{0,2})|([1-7][0-7]{1,2}))/y);
  if (octal !== undefined) return Number.parseInt(`0${octal[1] ?? octal[2] ?? ""}`, 8);
  cursor.skip(1);
  if (cursor.atEnd) throw new RegexpRefusal("trailing backslash at end of expression: ``");
  const character = cursor.next();
  const control = controls[character];
  if (control !== undefined) return control;
  if (/^[0-9A-Za-z]$/.test(character) || character > "\u007f")
    throw new RegexpRefusal(`invalid escape sequence: \`\\${character}\``);
  return character.codePointAt(0) ?? 0;
}
