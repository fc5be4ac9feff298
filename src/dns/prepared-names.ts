/**
 * Names in the form that they are written in many times: their labels' bytes, and a number for each of their ends.
 *
 * `web-1.node.consul.` has the ends `web-1.node.consul.`, `node.consul.` and `consul.`. Equal ends of names in one
 * table have equal numbers, so that compression looks numbers up in an array instead of texts in a map.
 */
import { DnsEncodeError, fullName, labelBytes, nameBytesMax, splitName } from "../wire/dns/name.ts";

/** A name to be written. */
export interface PreparedName {
  /** The whole name on the wire, not compressed. */
  readonly bytes: Uint8Array;
  /** Where in `bytes` each label's length stands. */
  readonly starts: readonly number[];
  /** The number of the end that begins with each label. */
  readonly ends: readonly number[];
}

export class NameTable {
  readonly #names = new Map<string, PreparedName>();
  readonly #ends = new Map<string, number>();

  /** How many ends there are; their numbers are below. */
  get endCount(): number {
    return this.#ends.size;
  }

  /** Throws `DnsEncodeError` if DNS cannot carry the name. */
  name(text: string): PreparedName {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const labels = splitName(text);
    const bytes: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    let rest = fullName(text);
    for (const label of labels) {
      const raw = labelBytes(label);
      starts.push(bytes.length);
      ends.push(this.#end(rest));
      bytes.push(raw.length, ...raw);
      rest = rest.slice(label.length + 1);
    }
    bytes.push(0);
    if (bytes.length > nameBytesMax) throw new DnsEncodeError("dns: a name is longer than 255 bytes");
    const made = { bytes: Uint8Array.from(bytes), starts, ends };
    this.#names.set(text, made);
    return made;
  }

  #end(text: string): number {
    const known = this.#ends.get(text);
    if (known !== undefined) return known;
    this.#ends.set(text, this.#ends.size);
    return this.#ends.size - 1;
  }
}
