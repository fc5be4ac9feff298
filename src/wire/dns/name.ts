/**
 * Domain names: text with a dot at the end and the usual backslash escapes ⇄ labels on the wire.
 *
 * Source: RFC 1035 sections 3.1, 4.1.4 and 5.1.
 */
import { DecodeError, ProconsulError } from "../../lib/errors.ts";

/** Longest label and longest name on the wire, in bytes. RFC 1035 section 2.3.4. */
export const labelBytesMax = 63;
export const nameBytesMax = 255;
/** Pointers that are followed in one name; more make a loop or an attack. */
const pointersMax = 64;
const pointerMark = 0xc0;

/** A name or text that does not fit what DNS can carry. */
export class DnsEncodeError extends ProconsulError {
  readonly code = "dns-encode";
}

const mustEscape = /[.();@"\\ ]/u;

/** Reads a name; answers it with the offset after it. Throws `DecodeError`. */
export function decodeName(
  bytes: Uint8Array,
  start: number,
): { readonly name: string; readonly end: number } {
  let at = start;
  let end: number | undefined;
  let length = 1;
  let pointers = 0;
  let name = "";
  for (;;) {
    const size = bytes[at];
    if (size === undefined) throw new DecodeError("dns: a name goes beyond the message");
    if (size === 0) return { name: name === "" ? "." : name, end: end ?? at + 1 };
    if ((size & pointerMark) === pointerMark) {
      const low = bytes[at + 1];
      if (low === undefined) throw new DecodeError("dns: a name goes beyond the message");
      pointers += 1;
      if (pointers > pointersMax) throw new DecodeError("dns: too many compression pointers");
      end ??= at + 2;
      at = ((size & 0x3f) << 8) | low;
      continue;
    }
    if (size > labelBytesMax) throw new DecodeError("dns: a label of an unknown kind");
    length += size + 1;
    if (length > nameBytesMax) throw new DecodeError("dns: a name is longer than 255 bytes");
    if (at + 1 + size > bytes.length) throw new DecodeError("dns: a name goes beyond the message");
    name += `${labelText(bytes, at + 1, size)}.`;
    at += size + 1;
  }
}

function labelText(bytes: Uint8Array, start: number, size: number): string {
  let text = "";
  for (let at = start; at < start + size; at += 1) {
    const byte = bytes[at] ?? 0;
    const char = String.fromCharCode(byte);
    if (byte < 0x20 || byte > 0x7e) text += `\\${String(byte).padStart(3, "0")}`;
    else text += mustEscape.test(char) ? `\\${char}` : char;
  }
  return text;
}

/** Labels in text form, escapes kept; the root has none. */
export function splitName(name: string): readonly string[] {
  if (name === "." || name === "") return [];
  const whole = name.endsWith(".") && !name.endsWith("\\.") ? name.slice(0, -1) : name;
  if (!whole.includes("\\")) return whole.split(".");
  return whole.match(/(?:\\\d{3}|\\.|[^.\\])+/gsu) ?? [];
}

/** The bytes of one label in text form. Throws `DnsEncodeError` if it is empty or too long. */
export function labelBytes(label: string): Uint8Array {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (let at = 0; at < label.length;) {
    if (label[at] === "\\") {
      const digits = /^\d{3}/u.exec(label.slice(at + 1, at + 4))?.[0];
      if (digits !== undefined && Number(digits) < 256) {
        bytes.push(Number(digits));
        at += 4;
        continue;
      }
      at += 1;
    }
    const char = String.fromCodePoint(label.codePointAt(at) ?? 0x5c);
    bytes.push(...encoder.encode(char));
    at += char.length;
  }
  if (bytes.length === 0 || bytes.length > labelBytesMax) {
    throw new DnsEncodeError(`dns: a label has 1 to ${labelBytesMax} bytes`);
  }
  return Uint8Array.from(bytes);
}

/** With a dot at the end. */
export function fullName(name: string): string {
  return name.endsWith(".") ? name : `${name}.`;
}
