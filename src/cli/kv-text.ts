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

/** Bytes of standard base 64, line breaks ignored; `undefined` if `text` is something else. */
export function fromBase64(text: string): Uint8Array | undefined {
  const dense = text.replace(/[\r\n]/gu, "");
  if (dense.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/u.test(dense)) return undefined;
  return Uint8Array.from(atob(dense), (char) => char.charCodeAt(0));
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
  return form === "with-value" ? text : `${text}\n`;
}
