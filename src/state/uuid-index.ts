/**
 * What the reference's UUID indexes say about text that is no UUID.
 *
 * Source: go-memdb UUIDFieldIndex. Lookups compare the bytes, so letter case does not matter.
 */
const uuidLength = 36;
const hyphensMax = 4;

/** Why `text` cannot be looked up as a whole UUID, or `undefined` if it can. */
export function uuidProblem(text: string): string | undefined {
  return text.length === uuidLength ? uuidPartProblem(text) : "index error: UUID must be 36 characters";
}

/** Why `text` cannot be looked up as a UUID or the beginning of one, or `undefined` if it can. */
export function uuidPartProblem(text: string): string | undefined {
  if (text.length > uuidLength) {
    return `index error: Invalid UUID length. UUID have 36 characters; got ${text.length}`;
  }
  const bare = text.replaceAll("-", "");
  const hyphens = text.length - bare.length;
  if (hyphens > hyphensMax) return `index error: UUID should have maximum of 4 "-"; got ${hyphens}`;
  if (bare.length % 2 !== 0) return "index error: UUID (without hyphens) must be even length";
  return /^[0-9a-fA-F]*$/.test(bare) ? undefined : `index error: Invalid UUID: ${invalidHex(bare)}`;
}

function invalidHex(bare: string): string {
  const character = /[^0-9a-fA-F]/u.exec(bare)?.[0] ?? "";
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return `encoding/hex: invalid byte: U+${code} '${character}'`;
}
