/**
 * The gossip keys a node knows: it encrypts with the first, and tries them all, in order, to decrypt.
 *
 * Keys are rotated by installing a new one everywhere, using it everywhere, and removing the old one.
 * Texts are the reference's, since its command shows them. Source: memberlist's keyring; serf's keyring file.
 */
import { DecodeError } from "../../lib/errors.ts";
import { fromBase64, toBase64 } from "../schema/base64.ts";

/** What a change of keys came to. */
export type KeyringChange =
  | { readonly kind: "changed"; readonly keyring: Keyring }
  | { readonly kind: "unchanged" }
  | { readonly kind: "refused"; readonly text: string };

/** Why bytes are no key, or `undefined` if they are one. */
export function keyProblem(key: Uint8Array): string | undefined {
  return [16, 24, 32].includes(key.length) ? undefined : "key size must be 16, 24 or 32 bytes";
}

/** An immutable, non-empty list of keys of 16, 24 or 32 bytes each, without doubles. */
export class Keyring {
  /** Primary first. */
  readonly keys: readonly Uint8Array[];

  private constructor(keys: readonly Uint8Array[]) {
    this.keys = keys;
  }

  /**
   * The first of `keys` becomes primary; doubles are dropped. Throws `DecodeError` if there is none or one is no key.
   */
  static of(keys: readonly Uint8Array[]): Keyring {
    if (keys.length === 0) throw new DecodeError("keyring: at least one key is required");
    const kept: Uint8Array[] = [];
    for (const key of keys) {
      const problem = keyProblem(key);
      if (problem !== undefined) throw new DecodeError(problem);
      if (!kept.some((other) => sameKey(other, key))) kept.push(key);
    }
    return new Keyring(kept);
  }

  /** The key that encrypts. */
  get primary(): Uint8Array {
    return this.keys[0] as Uint8Array;
  }

  has(key: Uint8Array): boolean {
    return this.keys.some((other) => sameKey(other, key));
  }

  /** Adds a key at the end; one that is there stays where it is. */
  install(key: Uint8Array): KeyringChange {
    const problem = keyProblem(key);
    if (problem !== undefined) return { kind: "refused", text: problem };
    if (this.has(key)) return { kind: "unchanged" };
    return { kind: "changed", keyring: new Keyring([...this.keys, key]) };
  }

  /** Makes an installed key the primary one. */
  use(key: Uint8Array): KeyringChange {
    if (!this.has(key)) return { kind: "refused", text: "Requested key is not in the keyring" };
    if (sameKey(key, this.primary)) return { kind: "unchanged" };
    return { kind: "changed", keyring: new Keyring([key, ...this.#without(key)]) };
  }

  /** Drops a key; one that is not there is no problem. */
  remove(key: Uint8Array): KeyringChange {
    if (sameKey(key, this.primary)) {
      return { kind: "refused", text: "Removing the primary key is not allowed" };
    }
    if (!this.has(key)) return { kind: "unchanged" };
    return { kind: "changed", keyring: new Keyring(this.#without(key)) };
  }

  /** Every key in base64, primary first. */
  toBase64(): readonly string[] {
    return this.keys.map(toBase64);
  }

  #without(key: Uint8Array): readonly Uint8Array[] {
    return this.keys.filter((other) => !sameKey(other, key));
  }
}

/** The text of a keyring file. */
export function renderKeyringFile(keyring: Keyring): string {
  return JSON.stringify(keyring.toBase64(), undefined, 2);
}

/** The keyring of a file's text. Throws `DecodeError`. */
export function parseKeyringFile(text: string): Keyring {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new DecodeError("keyring: the file is no JSON", { cause });
  }
  if (!Array.isArray(parsed)) throw new DecodeError("keyring: the file is no JSON array");
  const keys = (parsed as readonly unknown[]).map((one) => {
    if (typeof one !== "string") throw new DecodeError("keyring: a key is no text");
    return fromBase64(one);
  });
  return Keyring.of(keys);
}

function sameKey(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (const [index, byte] of one.entries()) difference |= byte ^ (other[index] ?? 0);
  return difference === 0;
}
