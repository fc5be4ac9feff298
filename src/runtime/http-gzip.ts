/** Compression of answers. What is shared by many answers is compressed once. */
import { gzipSync } from "node:zlib";

/** Answers smaller than this are not worth compressing (the reference's handler uses the same). */
const gzipBytesMin = 1400;

export class GzipCache {
  /** Compressed forms of shared bodies; each lives as long as its body. */
  readonly #kept = new WeakMap<Uint8Array, Uint8Array>();

  /** Whether a body is long enough and the client takes it compressed. `accepts`: its `Accept-Encoding`. */
  isWorthwhile(body: string | Uint8Array, accepts: string | undefined): boolean {
    return (
      accepts !== undefined &&
      body.length >= gzipBytesMin &&
      /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(accepts)
    );
  }

  compress(body: string | Uint8Array): Uint8Array {
    if (typeof body === "string") return gzipSync(body, { level: 1 });
    const known = this.#kept.get(body);
    if (known !== undefined) return known;
    const made = gzipSync(body, { level: 1 });
    this.#kept.set(body, made);
    return made;
  }
}
