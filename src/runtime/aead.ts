/** AES-GCM and unpredictable bytes from the system's library. */
import { createCipheriv, createDecipheriv, randomBytes, type CipherGCMTypes } from "node:crypto";
import type { Rng } from "../lib/rng.ts";
import type { Aead } from "../wire/gossip/encryption.ts";

const tagBytes = 16;

/** AES-128/192/256-GCM by the length of the key. */
export const systemAead: Aead = {
  seal: ({ key, nonce, data, aad }) => {
    const cipher = createCipheriv(cipherOf(key), key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(aad);
    const head = cipher.update(data);
    const rest = cipher.final();
    return Uint8Array.from(Buffer.concat([head, rest, cipher.getAuthTag()]));
  },
  open: ({ key, nonce, data, aad }) => {
    if (data.length < tagBytes) return undefined;
    const decipher = createDecipheriv(cipherOf(key), key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(aad);
    decipher.setAuthTag(data.subarray(data.length - tagBytes));
    const head = decipher.update(data.subarray(0, data.length - tagBytes));
    try {
      const rest = decipher.final();
      return rest.length === 0 ? Uint8Array.from(head) : Uint8Array.from(Buffer.concat([head, rest]));
    } catch {
      return undefined; // The one way `final` fails: the tag does not match.
    }
  },
};

/** Bytes that nobody can foresee, for nonces: a repeated nonce would give the key away. */
export const systemNonces: Pick<Rng, "bytes"> = { bytes: (count) => Uint8Array.from(randomBytes(count)) };

function cipherOf(key: Uint8Array): CipherGCMTypes {
  switch (key.length) {
    case 16:
      return "aes-128-gcm";
    case 24:
      return "aes-192-gcm";
    default:
      return "aes-256-gcm";
  }
}
