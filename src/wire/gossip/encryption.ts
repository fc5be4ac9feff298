/**
 * One encrypted buffer: `version:u8 nonce[12] ciphertext tag[16]`, AES-GCM.
 *
 * Version 1 seals the plaintext as it is; version 0, of the oldest peers, pads it to blocks of 16 first. Both are read,
 * version 1 is written. Source: protocol reference, gossip-memberlist section 2 (encryption).
 */
import { DecodeError } from "../../lib/errors.ts";
import type { Rng } from "../../lib/rng.ts";
import type { Keyring } from "./keyring.ts";

/** AES-GCM with a 12-byte nonce and a 16-byte tag; the key's length (16, 24, 32) chooses the variant. */
export interface Aead {
  /** Ciphertext and tag. */
  seal(box: AeadBox): Uint8Array;
  /** The plaintext, or `undefined` if the key is not the one or a byte was changed. */
  open(box: AeadBox): Uint8Array | undefined;
}

/** What one operation works on; `data` is plaintext to `seal`, ciphertext with its tag to `open`. */
export interface AeadBox {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly data: Uint8Array;
  /** Authenticated, not encrypted. */
  readonly aad: Uint8Array;
}

/** How buffers are encrypted, and with what; nonces come from `nonces`, which must be unpredictable. */
export interface Encryption {
  readonly keyring: Keyring;
  readonly aead: Aead;
  readonly nonces: Pick<Rng, "bytes">;
}

const nonceBytes = 12;
const tagBytes = 16;
const blockBytes = 16;
const newestVersion = 1;

/** What encryption adds to a buffer. */
export const encryptionOverheadBytes = 1 + nonceBytes + tagBytes;

/** Encrypts with the primary key. */
export function encrypt(
  { keyring, aead, nonces }: Encryption,
  plaintext: Uint8Array,
  { aad, version = newestVersion }: { readonly aad: Uint8Array; readonly version?: 0 | 1 },
): Uint8Array {
  const nonce = nonces.bytes(nonceBytes);
  const data = version === 0 ? padded(plaintext) : plaintext;
  const sealed = aead.seal({ key: keyring.primary, nonce, data, aad });
  const bytes = new Uint8Array(1 + nonceBytes + sealed.length);
  bytes[0] = version;
  bytes.set(nonce, 1);
  bytes.set(sealed, 1 + nonceBytes);
  return bytes;
}

/** The plaintext, by whichever key opens it. Throws `DecodeError` with the reference's text. */
export function decrypt(
  { keyring, aead }: Pick<Encryption, "keyring" | "aead">,
  bytes: Uint8Array,
  aad: Uint8Array,
): Uint8Array {
  const version = bytes[0];
  if (version === undefined) throw new DecodeError("Cannot decrypt empty payload");
  if (version > newestVersion) throw new DecodeError(`Unsupported encryption version ${version}`);
  if (bytes.length < encryptionOverheadBytes + (version === 0 ? blockBytes : 0)) {
    throw new DecodeError(`Payload is too small to decrypt: ${bytes.length}`);
  }
  const nonce = bytes.subarray(1, 1 + nonceBytes);
  const data = bytes.subarray(1 + nonceBytes);
  for (const key of keyring.keys) {
    const plaintext = aead.open({ key, nonce, data, aad });
    if (plaintext !== undefined) return version === 0 ? unpadded(plaintext) : plaintext;
  }
  throw new DecodeError("No installed keys could decrypt the message");
}

/** PKCS#7: a whole block more where the length is a multiple of the block. */
function padded(plaintext: Uint8Array): Uint8Array {
  const more = blockBytes - (plaintext.length % blockBytes);
  const bytes = new Uint8Array(plaintext.length + more).fill(more);
  bytes.set(plaintext);
  return bytes;
}

function unpadded(plaintext: Uint8Array): Uint8Array {
  const more = plaintext.at(-1) ?? 0;
  if (more === 0 || more > blockBytes || more > plaintext.length) {
    throw new DecodeError("the padding of an encrypted message is broken");
  }
  return plaintext.subarray(0, plaintext.length - more);
}
