/** Recorded bytes of real peers, as seeds; none where `../shared` is not there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "../../../shared/protocol/vectors");
const wholeHex = /^(?:[0-9a-f]{2})+$/;

interface Found {
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** Every text of whole bytes in hexadecimal in `file`, whose key matches `keys`. */
export function vectorBytes(file: string, keys: RegExp = /hex/): readonly Uint8Array[] {
  return readVectors(file)
    .filter(({ key, bytes }) => keys.test(key) && bytes.length > 0)
    .map(({ bytes }) => bytes);
}

/** The parsed file; `undefined` if it is not there. */
export function vectorFile(file: string): unknown {
  const path = join(folder, file);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

function readVectors(file: string): readonly Found[] {
  const found: Found[] = [];
  collect("", vectorFile(file), found);
  return found;
}

function collect(key: string, value: unknown, found: Found[]): void {
  if (typeof value === "string") {
    if (wholeHex.test(value)) found.push({ key, bytes: Uint8Array.from(Buffer.from(value, "hex")) });
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) collect(Array.isArray(value) ? key : name, inner, found);
}
