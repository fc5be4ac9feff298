/** How the `kv` commands show entries. */
import type { KvPair } from "../client/kv.ts";
import { renderTabs } from "./columns.ts";

const base64ChunkBytes = 3 * 4096;

/** Bytes as standard base 64. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += base64ChunkBytes) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + base64ChunkBytes)));
  }
  return text;
}

/** What base 64 says: its bytes, or why it is none. */
export type Base64Reading =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "problem"; readonly problem: string };

/** Bytes of standard base 64, line breaks ignored. The problem is Go's. */
export function fromBase64(text: string): Base64Reading {
  const dense = text.replace(/[\r\n]/gu, "");
  if (dense.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/u.test(dense)) {
    return { kind: "bytes", bytes: Uint8Array.from(atob(dense), (char) => char.charCodeAt(0)) };
  }
  return { kind: "problem", problem: `illegal base64 data at input byte ${badBase64At(text)}` };
}

/** Where Go's decoder stops. `text` is known to be no base 64. Source: encoding/base64, decodeQuantum. */
function badBase64At(text: string): number {
  const bytes = new TextEncoder().encode(text);
  const isBreak = (byte: number | undefined): boolean => byte === 10 || byte === 13;
  /** Digits of the present group of four. */
  let count = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (isBreak(byte)) continue;
    if (/[A-Za-z0-9+/]/u.test(String.fromCharCode(byte ?? 0))) {
      count = (count + 1) % 4;
      continue;
    }
    if (byte !== 61 || count < 2) return at;
    let next = at + 1;
    while (isBreak(bytes[next])) next += 1;
    if (count === 3) return next;
    if (next === bytes.length) return bytes.length;
    // One too few, but so Go counts.
    if (bytes[next] !== 61) return next - 1;
    next += 1;
    while (isBreak(bytes[next])) next += 1;
    return next;
  }
  return bytes.length - count;
}

/**
 * The detailed form of an entry: one field a line, up to and including the word "Value" and its
 * blanks, or without that line. The value itself follows as bytes.
 */
export function renderPairHead(pair: KvPair, form: "with-value" | "without-value"): string {
  const rows = [
    ["CreateIndex", String(pair.CreateIndex)],
    ["Flags", String(pair.Flags)],
    ["Key", pair.Key],
    ["LockIndex", String(pair.LockIndex)],
    ["ModifyIndex", String(pair.ModifyIndex)],
    ["Session", pair.Session === "" ? "-" : pair.Session],
    ...(pair.Partition === "" ? [] : [["Partition", pair.Partition]]),
    ...(pair.Namespace === "" ? [] : [["Namespace", pair.Namespace]]),
    ...(form === "with-value" ? [["Value", ""]] : []),
  ];
  const text = renderTabs(rows, { padding: 6, widthMin: 0 });
  if (form === "without-value") return `${text}\n`;
  // Go's tabwriter pads no word that nothing follows.
  return pair.Value.length === 0 ? text.trimEnd() : text;
}
