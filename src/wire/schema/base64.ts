import { DecodeError } from "../../lib/errors.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What newer engines have (ECMAScript 2026). */
const nativeEncode = (Uint8Array.prototype as { readonly toBase64?: () => string }).toBase64;
const nativeDecode = (Uint8Array as unknown as { readonly fromBase64?: (text: string) => Uint8Array })
  .fromBase64;

/** Standard base64 with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  if (nativeEncode !== undefined) return nativeEncode.call(bytes);
  if (bytes.length > 48) return btoa(binary(bytes));
  let text = "";
  const whole = bytes.length - (bytes.length % 3);
  let at = 0;
  for (; at < whole; at += 3) {
    const bits = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    text +=
      alphabet[bits >> 18]! +
      alphabet[(bits >> 12) & 63]! +
      alphabet[(bits >> 6) & 63]! +
      alphabet[bits & 63]!;
  }
  if (at === bytes.length) return text;
  return text + btoa(binary(bytes.subarray(at)));
}

/** The bytes of strict standard base64; line breaks are ignored, as Go does. Throws `DecodeError`. */
export function fromBase64(text: string): Uint8Array {
  const packed = text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, "") : text;
  if (!strict.test(packed)) {
    const at = packed.search(/[^A-Za-z0-9+/]/);
    throw new DecodeError(
      `illegal base64 data at input byte ${at < 0 ? packed.length - (packed.length % 4) : at}`,
    );
  }
  if (nativeDecode !== undefined) return nativeDecode.call(Uint8Array, packed);
  return Uint8Array.from(atob(packed), (unit) => unit.charCodeAt(0));
}

function binary(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}
