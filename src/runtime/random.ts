import { randomBytes, randomUUID } from "node:crypto";
import { seededRng, type Rng } from "../lib/rng.ts";

/** A generator whose seed nobody can guess; for jitter and ids, not for keys. */
export function systemRng(): Rng {
  return seededRng(randomBytes(6).readUIntBE(0, 6));
}

/** A random UUID (RFC 9562, version 4) from the system's source. */
export function systemUuid(): string {
  return randomUUID();
}
