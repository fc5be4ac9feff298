/** What may stand in the metadata of nodes and services. Source: structs.ValidateNodeMetadata; measured. */

const pairsMax = 64;
const keyLengthMax = 128;
const valueLengthMax = 512;
const reservedPrefix = "consul-";
/** The one reserved key that a mesh gateway may set. */
const gatewayKey = "consul-wan-federation";

function pairProblem(key: string, value: string, isGateway: boolean): string | undefined {
  if (key === "") return "Key cannot be blank";
  if (!/^[a-zA-Z0-9_-]+$/u.test(key)) return "Key contains invalid characters";
  if (key.length > keyLengthMax) return `Key is too long (limit: ${keyLengthMax} characters)`;
  if (key.startsWith(reservedPrefix) && !(isGateway && key === gatewayKey)) {
    return `Key prefix '${reservedPrefix}' is reserved for internal use`;
  }
  if (new TextEncoder().encode(value).length > valueLengthMax) {
    return `Value is too long (limit: ${valueLengthMax} characters)`;
  }
  return undefined;
}

/** The first thing wrong with metadata, in the reference's words. `kind` is a service's kind, if it is one's. */
export function metadataProblem(meta: Readonly<Record<string, string>>, kind?: string): string | undefined {
  const pairs = Object.entries(meta);
  if (pairs.length > pairsMax) return `Node metadata cannot contain more than ${pairsMax} key/value pairs`;
  for (const [key, value] of pairs) {
    const problem = pairProblem(key, value, kind === "mesh-gateway");
    if (problem !== undefined) return `Couldn't load metadata pair ('${key}', '${value}'): ${problem}`;
  }
  return undefined;
}
