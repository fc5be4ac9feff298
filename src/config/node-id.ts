/** The identity of a node: a UUID that stays the same for the node's whole life. */
import type { Rng } from "../lib/rng.ts";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What is wrong with a node ID, in the reference's words; `undefined` if nothing. */
export function nodeIdProblem(id: string): string | undefined {
  if (id.length !== 36) return "uuid string is wrong length";
  return /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/iu.test(id)
    ? undefined
    : "uuid is improperly formatted";
}

/** A new random node ID. The generator should be a cryptographic one: IDs must never clash. */
export function makeNodeId(rng: Rng): string {
  const digits = hex(rng.bytes(16));
  const cuts = [0, 8, 12, 16, 20, 32];
  return cuts
    .slice(1)
    .map((end, index) => digits.slice(cuts[index], end))
    .join("-");
}

/** The node ID in a file of the data directory: blanks around it are ignored. `undefined` if it is none. */
export function parseNodeIdFile(text: string): string | undefined {
  const id = text.trim().toLowerCase();
  return nodeIdProblem(id) === undefined ? id : undefined;
}
